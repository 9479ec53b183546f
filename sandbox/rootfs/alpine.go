package rootfs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A source is the tarball of the bottom layer, and what it is.
type source struct {
	Kind    Kind
	Version string
	Tarball string // path
	SHA256  string
	Reason  string // why it is not Alpine
}

// An alpineSeeker looks for Alpine's tarball, nearest place first.
type alpineSeeker struct {
	release  alpineRelease
	goarch   string
	given    string // by the operator: a tarball or a directory that holds it
	keep     string // directory of the cache
	client   *http.Client
	progress func(Progress)
	lookOnly bool // download nothing
}

// errUnreachable tells that Alpine's server did not answer, so that another root may stand in.
var errUnreachable = errors.New("cannot be reached")

// find gives Alpine's tarball, as it lies in the cache afterwards. What the operator names must be the right file;
// what the cache holds is fetched anew where it is not.
func (s alpineSeeker) find(ctx context.Context) (source, error) {
	arch, err := alpineArch(s.goarch)
	if err != nil {
		return source{}, err
	}
	file := s.release.file(arch)
	want, ok := s.release.SHA256[arch]
	if !ok {
		return source{}, fmt.Errorf("manifest: alpine: no sha256 for %s", arch)
	}
	found := source{Kind: Alpine, Version: s.release.Version, Tarball: filepath.Join(s.keep, file), SHA256: want}

	if s.given != "" {
		given := s.given
		if about, err := os.Stat(given); err != nil {
			return source{}, fmt.Errorf("root file system: %w", err)
		} else if about.IsDir() {
			given = filepath.Join(given, file)
			if _, err := os.Stat(given); err != nil {
				return source{}, fmt.Errorf("root file system: %s holds no %s: %w", s.given, file, err)
			}
		}
		if err := checkTarball(given, want); err != nil {
			return source{}, fmt.Errorf("root file system: %w: give %s of Alpine %s, or none to have it downloaded", err, file, s.release.Version)
		}
		if checkTarball(found.Tarball, want) == nil {
			return found, nil
		}
		content, err := os.ReadFile(given)
		if err != nil {
			return source{}, err
		}
		return found, writeFile(found.Tarball, content)
	}
	if err := checkTarball(found.Tarball, want); err == nil {
		return found, nil
	}
	if s.lookOnly {
		return source{}, fmt.Errorf("%s: %w", file, ErrNotPrepared)
	}
	return found, s.download(ctx, s.release.url(arch), found.Tarball, want)
}

// checkTarball compares a file's digest and says, where it is another, whether the file ends too early.
func checkTarball(file, want string) error {
	got, err := fileDigest(file)
	if err != nil {
		return err
	}
	if got == want {
		return nil
	}
	what := "it is another file or damaged"
	if cutOff(file) {
		what = "it is truncated"
	}
	return fmt.Errorf("%s: %w: want sha256 %s, got %s: %s", file, ErrDigest, want, got, what)
}

// cutOff tells whether a gzip file ends before its end.
func cutOff(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(zipped, maxTree))
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// maxTarball bounds a download, in bytes; Alpine's is 4 MB.
const maxTarball = 64 << 20

// download fetches a file and gives it its name only when its digest is right. The error is errUnreachable where the
// server did not give the file, whatever the reason.
func (s alpineSeeker) download(ctx context.Context, url, to, want string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "glassbox ("+runtime.GOOS+")")
	step := "downloading " + filepath.Base(to)
	s.progress(Progress{Step: step})
	resp, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s %w: %w", req.URL.Host, errUnreachable, plainNetError(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %w: %s answers %s", req.URL.Host, errUnreachable, url, resp.Status)
	}
	part, err := os.CreateTemp(filepath.Dir(to), ".download-*")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.Remove(part.Name()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	body := &counted{r: io.LimitReader(resp.Body, maxTarball), step: step, total: max(resp.ContentLength, 0), progress: s.progress}
	_, copyErr := io.Copy(part, body)
	if err := errors.Join(part.Chmod(0o644), part.Sync(), part.Close()); err != nil {
		return err
	}
	var diskErr *fs.PathError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(copyErr, &diskErr):
		return copyErr
	case copyErr != nil:
		return fmt.Errorf("%s %w: the download broke off after %d bytes: %w", req.URL.Host, errUnreachable, body.done, copyErr)
	}
	if err := checkTarball(part.Name(), want); err != nil {
		return fmt.Errorf("downloaded %s: %w: something between here and Alpine's server changed it; download it by another way and give it with --rootfs", url, err)
	}
	return os.Rename(part.Name(), to)
}

// plainNetError takes the URL out of an error of http.Client's, which the message holds already.
func plainNetError(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	return errors.Unwrap(err)
}

// newClient gives a client that gives up where nobody answers, and lets a slow line finish.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	transport.TLSHandshakeTimeout = 10 * time.Second
	transport.ResponseHeaderTimeout = 15 * time.Second
	return &http.Client{Transport: transport, Timeout: 5 * time.Minute}
}

// counted tells how far a reader is, at most once for every percent.
type counted struct {
	r           io.Reader
	step        string
	done, total int64
	told        int64
	progress    func(Progress)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.done-c.told > c.total/100 || err != nil {
		c.told = c.done
		c.progress(Progress{Step: c.step, Done: c.done, Total: c.total, Unit: Bytes})
	}
	return n, err
}

// unpackTarball lays a .tar.gz out in a tree.
func (t *tree) unpackTarball(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, truncated(err))
	}
	if err := t.unpack(zipped, nil); err != nil {
		return fmt.Errorf("unpack %s: %w", file, truncated(err))
	}
	return nil
}

// truncated puts an end of file that comes too early into words.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "unexpected EOF") {
		return fmt.Errorf("the tarball is truncated: %w", err)
	}
	return err
}
