package network

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxConns is how many TCP connections one sandbox may have to one of the gateway's ports. More wait in the listener's queue.
const maxConns = 64

// serving is what listens at the gateway's end of one cable.
type serving struct {
	cancel    context.CancelFunc
	packets   net.PacketConn
	listeners []*cableListener
}

func (s *serving) close() {
	s.cancel()
	if s.packets != nil {
		s.packets.Close()
	}
	for _, l := range s.listeners {
		l.Close()
	}
}

// serve starts the gateway's services on a cable.
func (g *Gateway) serve(l *Link) (_ *serving, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{cancel: cancel}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	config := net.ListenConfig{Control: bindTo(l.Interface())}
	config.SetMultipathTCP(false) // Go asks for it otherwise; it is more of the kernel than anybody here needs
	rate := &pace{every: requestEvery, burst: requestBurst}

	err = g.ns.do(func() error {
		for _, port := range []string{"53", "80", "443"} {
			inner, err := config.Listen(ctx, "tcp4", net.JoinHostPort(g.Address.String(), port))
			if err != nil {
				return err
			}
			s.listeners = append(s.listeners, newCableListener(ctx, inner, rate))
		}
		s.packets, err = config.ListenPacket(ctx, "udp4", net.JoinHostPort(g.Address.String(), "53"))
		return err
	})
	if err != nil {
		return nil, err
	}
	go g.names.serveStream(s.listeners[0])
	go g.names.servePackets(ctx, s.packets, &pace{every: requestEvery, burst: requestBurst})
	go func() { _ = g.web.Serve(s.listeners[1]) }()
	go func() { _ = g.web.Serve(tls.NewListener(s.listeners[2], g.CA.config())) }()
	return s, nil
}

// bindTo binds a socket to an interface (SO_BINDTODEVICE), before it gets its address.
func bindTo(name string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), name) }); cerr != nil {
			return cerr
		}
		return err
	}
}

// cableListener bounds how many connections there are, and how fast new ones come. Its Close closes them too.
type cableListener struct {
	net.Listener
	ctx  context.Context
	rate *pace
	free chan struct{} // a token for each connection that may still come

	mu    sync.Mutex
	conns map[*cableConn]struct{} // nil when closed
}

func newCableListener(ctx context.Context, inner net.Listener, rate *pace) *cableListener {
	l := &cableListener{Listener: inner, ctx: ctx, rate: rate, free: make(chan struct{}, maxConns), conns: map[*cableConn]struct{}{}}
	for range maxConns {
		l.free <- struct{}{}
	}
	return l
}

// Accept waits for a free place, then for a connection.
func (l *cableListener) Accept() (net.Conn, error) {
	select {
	case <-l.free:
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
	if err := l.rate.wait(l.ctx); err != nil {
		return nil, net.ErrClosed
	}
	inner, err := l.Listener.Accept()
	if err != nil {
		l.free <- struct{}{}
		return nil, err
	}
	c := &cableConn{Conn: inner, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		inner.Close()
		return nil, net.ErrClosed
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// Close stops listening and closes all connections.
func (l *cableListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		c.Conn.Close()
	}
	return err
}

// cableConn gives its place back when it is closed.
type cableConn struct {
	net.Conn
	listener *cableListener
	once     sync.Once
}

// Close closes the connection.
func (c *cableConn) Close() error {
	c.once.Do(func() {
		c.listener.mu.Lock()
		delete(c.listener.conns, c)
		c.listener.mu.Unlock()
		c.listener.free <- struct{}{}
	})
	return c.Conn.Close()
}
