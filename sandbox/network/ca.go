package network

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// skew is how far the clock may have jumped back since a certificate was made: a laptop's VM sleeps.
	skew = 24 * time.Hour
)

// CA is a lab's certificate authority (RFC 5280). Its key never leaves the state directory, and only the sandboxes of
// the lab have a reason to trust it.
type CA struct {
	// Certificate is the PEM file for the sandboxes' trust store.
	Certificate []byte

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	names       []string   // the hosts that it signs for
	address     net.IP     // and the address, for those who give no name
	mu          sync.Mutex // guards leaves
	leaves      map[string]*tls.Certificate
}

// OpenCA reads the certificate authority of a state directory from ca.pem, which holds the key and is for root only. It makes
// both when there is none, or when it ends within a year.
func OpenCA(state string) (*CA, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	path := filepath.Join(state, "ca.pem")
	ca, err := readCA(path)
	if err == nil && time.Now().Add(caLife/10).Before(ca.certificate.NotAfter) {
		return ca, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("certificate authority: %w (remove the file to have a new one made)", err)
	}
	if err == nil {
		_ = os.Remove(path)
	}
	if err := makeCA(path); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return readCA(path)
}

func readCA(path string) (*CA, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(file, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s: not a certificate authority of the lab's", path)
	}
	return &CA{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw}),
		certificate: pair.Leaf,
		key:         key,
		leaves:      map[string]*tls.Certificate{},
	}, nil
}

// makeCA writes certificate and key to one file, so that they cannot fail to match.
func makeCA(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Glassbox"}, CommonName: "Glassbox lab CA, trusted in its sandboxes only"},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeOnce(path, slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails, see crypto/rand
	return n
}

// writeOnce writes a file of root's own (mode 0600) that is there whole or not at all. If another process was first, its file stays.
func writeOnce(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)) // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// config is the TLS server's side: a certificate for the site that the client names, made when it is first asked for.
func (ca *CA) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.leaf(hello.ServerName) },
		NextProtos:     []string{"http/1.1"},
	}
}

// leaf returns the certificate for a site. With an empty name (the client went by address) it is that of the lab's own site. There
// are no certificates for names that the gateway does not serve.
func (ca *CA) leaf(name string) (*tls.Certificate, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" {
		name = labHost
	}
	if !slices.Contains(ca.names, name) {
		return nil, fmt.Errorf("no site %q", name)
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if leaf := ca.leaves[name]; leaf != nil && time.Now().Add(leafLife/10).Before(leaf.Leaf.NotAfter) {
		return leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"Glassbox lab, not " + name}, CommonName: name},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{name},
	}
	if name == labHost {
		template.Subject.Organization = []string{"Glassbox lab"}
		template.IPAddresses = []net.IP{ca.address}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	leaf := &tls.Certificate{Certificate: [][]byte{raw, ca.certificate.Raw}, PrivateKey: key, Leaf: parsed}
	ca.leaves[name] = leaf
	return leaf, nil
}
