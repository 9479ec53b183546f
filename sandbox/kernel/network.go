package kernel

// Network is one network namespace with its interfaces.
type Network struct {
	// ID is the namespace's inode number.
	ID int `json:"id"`
	// Own says that it is another one than that of the sandbox's PID 1.
	Own bool `json:"own"`
	// Reader is the pid, in the sandbox, of the process through which it was read.
	Reader int `json:"reader"`
	// Interfaces are its interfaces by index.
	Interfaces []*Interface `json:"interfaces"`
}

// Interface is one network interface, see netdevice(7).
type Interface struct {
	// Exists is false for an interface that was asked for and is not there.
	Exists bool `expr:"exists" json:"-"`
	// Name is its name: lo, eth0.
	Name string `expr:"name" json:"name"`
	// Index is its number in the namespace.
	Index int `expr:"index" json:"index"`
	// Up says that it was switched on (IFF_UP).
	Up bool `expr:"up" json:"up"`
	// Addresses are its addresses with their prefix: "10.0.0.2/24".
	Addresses []string `expr:"addresses" json:"addresses"`
	// MAC is its hardware address; empty for one that has none.
	MAC string `expr:"mac" json:"mac,omitempty"`
	// MTU is the largest packet it sends, in bytes.
	MTU int `expr:"mtu" json:"mtu" unit:"bytes"`
	// Kind is the driver's kind: veth, bridge, dummy, …; empty for a loopback or a real device.
	Kind string `expr:"kind" json:"kind,omitempty"`
	// Received is the number of bytes that came in.
	Received int `expr:"received" json:"received" unit:"bytes"`
	// Sent is the number of bytes that went out.
	Sent int `expr:"sent" json:"sent" unit:"bytes"`
}

// Hostname is one uts namespace with its host name.
type Hostname struct {
	// ID is the namespace's inode number.
	ID int `json:"id"`
	// Own says that it is another one than that of the sandbox's PID 1.
	Own bool `json:"own"`
	// Name is the host name.
	Name string `json:"name"`
	// Domain is the NIS domain name; "(none)" unless it was set.
	Domain string `json:"domain,omitempty"`
	// Reader is the pid, in the sandbox, of the process through which it was read.
	Reader int `json:"reader"`
}
