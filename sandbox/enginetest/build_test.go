package enginetest

import (
	"strings"
	"testing"
)

// hello is the course's program, as on its slide.
const hello = `mkdir -p /lab/hello && cd /lab/hello && cat > hello.go <<'X'
package main

import "github.com/rs/zerolog/log"

func main() {
	log.Print("hello world")
}
X
cat > Dockerfile <<'X'
FROM scratch
COPY hello /
CMD ["/hello"]
X
`

// TestHello compiles the course's program without the internet, and makes an image of it.
func TestHello(t *testing.T) {
	b := start(t)
	b.Must(hello)
	follow(t, b, []step{
		{"cd /lab/hello && go mod init hello && CGO_ENABLED=0 go build && ls", "hello", ""},
		{"cd /lab/hello && docker build -t app .", "app:latest", ""},
		{"docker run -it --rm app", "hello world", ""},
		{"docker images", "app", ""},
		{"docker history app:latest", `CMD ["/hello"]`, ""},
		{"cd /lab/hello && docker save app:latest -o layers.tar && mkdir layers && tar xf layers.tar -C layers && ls layers", "manifest.json", ""},
		{"cd /lab/hello && mkdir app && find layers -name layer.tar | xargs -I {} tar xf {} -C app && ls app; ls layers", "hello", ""},
		{"cd /lab/hello && docker rmi app && docker load -i layers.tar && docker run --rm app", "hello world", ""},
		// On scratch there is no shell for the shell form.
		{`cd /lab/hello && sed -i 's,CMD.*,CMD "/hello",' Dockerfile && docker build -q -t shell .`, "", ""},
		{"!docker run --rm shell", "/bin/sh", ""},
	})
}

// TestBuild has images built in the ways that the lessons compare.
func TestBuild(t *testing.T) {
	b := start(t)
	b.Must(`mkdir -p /lab/b && cd /lab/b && echo one > file && cat > Dockerfile <<'X'
ARG VERSION=latest
FROM alpine:${VERSION} AS builder
ARG WORD=unset
COPY file /src/
RUN echo built $WORD > /out

FROM alpine
COPY --from=builder /out /
USER 1000
CMD ["cat", "/out"]
X
`)
	follow(t, b, []step{
		{"cd /lab/b && docker build -t two --build-arg WORD=set --build-arg VERSION=latest .", "STEP", ""},
		{"docker run --rm two", "built set", ""},
		{"docker inspect --format '{{.Config.User}}' two", "1000", ""},
		{"cd /lab/b && docker build -t two --build-arg WORD=set .", "Using cache", ""},
		{"cd /lab/b && docker build --no-cache -t two --build-arg WORD=set .", "", "Using cache"},
		{"cd /lab/b && docker build --target builder -t first . && docker run --rm first ls /src", "file", ""},
		{"cd /lab/b && touch file && docker build --target builder -t first .", "Using cache", ""}, // content counts, not time
		{"cd /lab/b && echo two > file && docker build --target builder -t first . | grep -c 'Using cache'; true", "1", ""},
		{"cd /lab/b && echo file > .dockerignore; docker build --target builder . 2>&1; true", "no such file", ""},
		{"docker build -t stdin - <<'X'\nFROM alpine\nRUN echo x > /x && chmod u+s /x\nX", "stdin", ""},
		{"docker run --rm stdin ls -l /x", "-rwS", ""},
		{"docker inspect --format '{{.ManifestType}}' stdin", "docker.distribution", ""},
	})
	if layers := strings.Count(b.Must("docker inspect --format '{{json .RootFS.Layers}}' stdin"), "sha256:"); layers != 2 {
		t.Errorf("layers of an image with one RUN above its base: got %d, want 2", layers)
	}
}
