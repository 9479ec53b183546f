package network

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// nameTTL is how long a resolver may keep an answer, in seconds.
	nameTTL = 60
	// dnsTimeout is how long a TCP client may take for its question.
	dnsTimeout = 10 * time.Second
	// containerZone is where a container engine in a sandbox (Podman's aardvark-dns) names its containers.
	containerZone = "dns.podman"
)

// nameServer answers DNS (RFC 1035) for the names of the gateway's sites, and knows that there are no others. It
// believes to be the authority for everything, as there is nobody else to ask; but for the names of containers, which it
// refuses: an engine lists it beside its own name server, and musl's resolver, which asks both at once, would believe
// whichever is the first to say that there is no such name.
type nameServer struct {
	address netip.Addr
	names   []string // lower case, without the final dot
}

// answer answers one query.
func (s *nameServer) answer(q *dns.Msg) *dns.Msg {
	r := new(dns.Msg)
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return r.SetRcode(q, dns.RcodeNotImplemented)
	}
	r.SetReply(q)
	r.Authoritative = true
	question := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(question.Name, "."))
	head := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: nameTTL}
	reverse, _ := dns.ReverseAddr(s.address.String())

	switch {
	case question.Qclass != dns.ClassINET, dns.IsSubDomain(containerZone+".", dns.CanonicalName(question.Name)):
		return r.SetRcode(q, dns.RcodeRefused)
	case slices.Contains(s.names, name):
		if question.Qtype == dns.TypeA {
			r.Answer = []dns.RR{&dns.A{Hdr: head, A: s.address.AsSlice()}}
			return r
		}
	case name == strings.TrimSuffix(reverse, "."):
		if question.Qtype == dns.TypePTR {
			r.Answer = []dns.RR{&dns.PTR{Hdr: head, Ptr: dns.Fqdn(labHost)}}
			return r
		}
	default:
		r.Rcode = dns.RcodeNameError
	}
	// Nothing to say, or no such name: the SOA record says for how long to believe that (RFC 2308).
	r.Ns = []dns.RR{&dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: nameTTL},
		Ns:  dns.Fqdn(labHost), Mbox: "nobody." + dns.Fqdn(labHost),
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: nameTTL,
	}}
	return r
}

// servePackets answers one datagram after another, so that there is never more than one answer in the making for a sandbox.
func (s *nameServer) servePackets(ctx context.Context, conn net.PacketConn, rate *pace) {
	buffer := make([]byte, dns.DefaultMsgSize)
	for rate.wait(ctx) == nil {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			continue // an ICMP error of an earlier answer
		}
		q := new(dns.Msg)
		if q.Unpack(buffer[:n]) != nil || q.Response {
			continue
		}
		if answer, err := s.answer(q).Pack(); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// serveStream answers over TCP.
func (s *nameServer) serveStream(l net.Listener) {
	server := &dns.Server{
		Listener:     l,
		ReadTimeout:  dnsTimeout,
		WriteTimeout: dnsTimeout,
		IdleTimeout:  func() time.Duration { return dnsTimeout },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(s.answer(q))
		}),
	}
	_ = server.ActivateAndServe() // until the listener is closed
}
