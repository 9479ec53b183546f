package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cookieName is the one cookie that we set. Its value is ID.MAC, both in base64url without padding: 16 random bytes, and
// their HMAC-SHA256 with the key in the state directory. Nobody can make one up, so an id in it may name a file.
const cookieName = "glassbox"

const cookieAge = 400 * 24 * time.Hour // the longest that browsers keep one

// visitor is the id of somebody who has opened a page: base64url, 22 characters.
type visitor string

// signer makes and checks the visitors' cookies.
type signer struct{ key []byte }

// loadSigner takes the key from the state directory; the first time it makes one.
func loadSigner(dir string) (*signer, error) {
	path := filepath.Join(dir, "key")
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key)
		if err := writeFile(path, key); err != nil {
			return nil, fmt.Errorf("key of the cookies: %w", err)
		}
		return &signer{key}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("key of the cookies: %w", err)
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("key of the cookies: %s has %d bytes and should have 32; remove it to get a new one, which makes every visitor a new one", path, len(key))
	}
	return &signer{key}, nil
}

func (s *signer) mac(id string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// visitor is who sent the request; false if it carries no cookie of ours.
func (s *signer) visitor(r *http.Request) (visitor, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return "", false
	}
	id, mac, ok := strings.Cut(c.Value, ".")
	if !ok || !hmac.Equal([]byte(mac), []byte(s.mac(id))) {
		return "", false
	}
	return visitor(id), true
}

// welcome is the visitor who sent the request, or a new one, who gets his cookie with the response.
func (s *signer) welcome(w http.ResponseWriter, r *http.Request) visitor {
	if v, ok := s.visitor(r); ok {
		return v
	}
	id := randomID()
	http.SetCookie(w, &http.Cookie{
		Name:     cookieName,
		Value:    id + "." + s.mac(id),
		Path:     "/",
		MaxAge:   int(cookieAge.Seconds()),
		HttpOnly: true,
		Secure:   r.TLS != nil,
		SameSite: http.SameSiteLaxMode,
	})
	return visitor(id)
}

// randomID is 128 random bits in base64url.
func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
