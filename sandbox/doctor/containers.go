package doctor

import "strings"

// containerModules are what a container engine in a sandbox asks of the kernel beyond what the sandbox itself does, with the option
// that builds each in. The kernel loads them by itself when the engine's tools ask for them.
var containerModules = []struct{ name, option string }{
	{"bridge", "CONFIG_BRIDGE"},
	{"nf_tables", "CONFIG_NF_TABLES"},
	{"nft_chain_nat", "CONFIG_NFT_NAT"},
	// What iptables writes into nf_tables for netavark: published ports, and the address behind which containers are.
	{"nft_compat", "CONFIG_NFT_COMPAT"},
	{"xt_MASQUERADE", "CONFIG_NETFILTER_XT_TARGET_MASQUERADE"},
	{"xt_addrtype", "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE"},
	{"xt_comment", "CONFIG_NETFILTER_XT_MATCH_COMMENT"},
	{"xt_conntrack", "CONFIG_NETFILTER_XT_MATCH_CONNTRACK"},
	{"xt_mark", "CONFIG_NETFILTER_XT_MARK"},
	{"xt_nat", "CONFIG_NETFILTER_XT_NAT"},
	{"xt_tcpudp", "CONFIG_NETFILTER_XTABLES"},
}

// containers looks for what the networks of containers in a sandbox need. Without it lessons that need no engine still work.
func (m Machine) containers() Finding {
	f := Finding{Name: "containers in sandboxes", Status: OK, Found: "the kernel has what their networks need"}
	var missing, unknown []string
	for _, module := range containerModules {
		source, known := m.module(module.name, module.option)
		switch {
		case source != "":
			f.Source = source
		case known:
			missing = append(missing, module.name)
		default:
			unknown = append(unknown, module.name)
		}
	}
	switch {
	case len(missing) > 0:
		f.Status, f.Found = Warning, "not in this kernel: "+strings.Join(missing, ", ")+"; containers in the lessons on Docker get no network"
		f.Mend = "install the full kernel: apt-get install " + fullKernel + ", and restart"
	case len(unknown) > 0:
		f.Status, f.Found = Warning, "cannot tell whether the kernel has "+strings.Join(unknown, ", ")+", which the networks of containers need"
		f.Mend = "modprobe -a " + strings.Join(unknown, " ") + ", or use a kernel that has them built in"
	}
	return f
}
