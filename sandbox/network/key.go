package network

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// keyComment tells whoever finds the key in an authorized_keys file what it is.
const keyComment = "glassbox-lab-key-every-learner-holds-the-private-half"

// labKey is the SSH key pair that the lab offers where the course fetches a public key from the internet: a line for
// authorized_keys (sshd(8)), and the private half as ssh(1) reads it. It is made once for a lab. Learners get the private
// half too, so that they can go in where they have put the line: into their own box, the only one that they reach. It
// is a secret of nobody's, and no machine but a sandbox may ever trust it.
func labKey(state string) (line, private []byte, err error) {
	path := filepath.Join(state, "lab.key")
	private, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		private, err = newKey(path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lab key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("lab key: %s: %w; remove the file, and a new key is made", path, err)
	}
	line = bytes.TrimSuffix(ssh.MarshalAuthorizedKey(signer.PublicKey()), []byte("\n"))
	return fmt.Appendf(line, " %s\n", keyComment), private, nil
}

// newKey makes a private key, keeps it, and returns what is kept: that of another process, if one was faster.
func newKey(path string) ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, keyComment)
	if err != nil {
		return nil, err
	}
	if err := writeOnce(path, pem.EncodeToMemory(block)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
