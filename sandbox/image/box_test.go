package image_test

import (
	"strings"
	"testing"

	"glassbox/sandbox/image"
	"glassbox/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m) }

// containers are a command for each image, and what it must say: what runs in a container is what the image claims to be.
var containers = []struct{ image, command, want string }{
	{"alpine", "sh -c '. /etc/os-release; echo $NAME'", "Alpine Linux"},
	{"alpine:3.20", "echo hi", "hi"},
	{"busybox", "busybox echo hi", "hi"},
	{"debian", "sh -c 'dpkg -l apt | grep -c ^ii'", "1"},
	{"debian:bookworm-slim", "cat /proc/1/comm", "cat"},
	{"ubuntu", "sh -c 'capsh --print | grep -c ^Current:; curl --version | grep -c ^Protocols'", "1\n1"},
	{"hello-world", "", "Hello from Docker!"},
	{"nginx", "sh -c 'nginx -t 2>&1'", "nginx: the configuration file"},
	{"golang", "go version", "go version go1.19"},
	{"node:16-buster-slim", "node -p 6*7", "42"},
	{"node", "sh -c 'apt-get install imagemagick >/dev/null 2>&1; convert'", "convert: this stands in"},
	{"redis", "sh -c 'redis-server --daemonize yes >/dev/null; until redis-cli ping; do sleep 0.1; done'", "PONG"},
}

func TestContainers(t *testing.T) {
	box := sandboxtest.Start(t, sandboxtest.Engine)
	for _, c := range containers {
		t.Run(c.image, func(t *testing.T) {
			got := box.Must("docker run --rm --pull=never " + c.image + " " + c.command + " 2>/dev/null")
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("docker run %s %s: got %q, want %q", c.image, c.command, got, c.want)
			}
		})
	}
}

// What Docker's users write in a Dockerfile works with the images, and offline: modules, a build, and a base with nothing in it
// but what a static program reads.
func TestBuild(t *testing.T) {
	box := sandboxtest.Start(t, sandboxtest.Engine)
	box.Must(`mkdir /root/app && cd /root/app && go mod init app 2>&1 &&
printf 'package main\nimport "github.com/rs/zerolog/log"\nfunc main() { log.Print("hello world") }\n' >hello.go &&
printf 'FROM golang:1.19 AS builder\nCOPY go.mod hello.go ./\nRUN go build hello.go\nFROM gcr.io/distroless/static:nonroot\nCOPY --from=builder /hello /\nCMD ["/hello"]\n' >Dockerfile`)
	if got := box.Must("cd /root/app && docker build -q -t app . >/dev/null 2>&1; docker run --rm app 2>&1"); !strings.Contains(got, `"message":"hello world"`) {
		t.Errorf("the program that was built says %q, want a message", got)
	}
	if out, status := box.Run("docker run --rm gcr.io/distroless/static sh -c true"); status == 0 {
		t.Errorf("a shell ran in the image without one; it wrote %q", out)
	}
	// npm, with a package from the gateway.
	box.Must(`mkdir -p /root/node/app && cd /root/node &&
printf '{"name": "app", "dependencies": {"express": "^4.18.0", "left-pad": "1.3.0"}}' >app/package.json && printf 'console.log(typeof require("express")(), require("left-pad")(7, 3, 0))' >app/index.js &&
printf 'FROM node:16-buster-slim\nCOPY ./app/package.json /app/\nRUN cd /app && npm install\nCOPY ./app /app/\nCMD ["node", "/app/index.js"]\n' >Dockerfile`)
	if got := box.Must("cd /root/node && docker build -q -t node-app . >/dev/null 2>&1; docker run --rm node-app 2>/dev/null"); got != "function 007" {
		t.Errorf("the program that was built with npm says %q, want function 007", got)
	}
	// A service in one container, and a client outside.
	box.Must("docker run -d --name web nginx 2>&1")
	page := box.Must(`ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web); for i in 1 2 3 4 5 6 7 8 9; do curl -sf http://$ip/ && break; sleep 1; done`)
	if !strings.Contains(page, "Welcome to nginx!") {
		t.Errorf("nginx serves %q, want its welcome", page)
	}
	if logged := box.Must("docker logs web 2>&1"); !strings.Contains(logged, `"GET / HTTP/1.1" 200`) {
		t.Errorf("nginx logs %q, want the request", logged)
	}
}

// Whoever pulls gets the same images, from the gateway, under the names that the world has for them.
func TestPull(t *testing.T) {
	box := sandboxtest.Start(t, sandboxtest.Engine)
	for _, c := range []struct{ command, want string }{
		{"docker pull nginx 2>&1", "Writing manifest to image destination"},
		{"docker run --rm --pull=always gcr.io/distroless/static /none 2>&1; true", "Writing manifest to image destination"},
		{"skopeo inspect docker://docker.io/library/nginx", `"org.opencontainers.image.description": "nginx of Debian`},
		{"skopeo list-tags docker://gcr.io/distroless/static", `"nonroot"`},
		{"curl -s https://registry-1.docker.io/v2/library/golang/tags/list", `"1.19"`},
		{"docker pull nosuch 2>&1; true", "This lab has no docker.io/library/nosuch:latest"},
		{"docker tag alpine docker.io/me/mine && docker push docker.io/me/mine 2>&1; true", "denied: This is the registry of your lab"},
	} {
		if got := box.Must(c.command); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.command, got, c.want)
		}
	}
}

// A learner is root in a box, and may mount what is there anew: the store stays as it is for all others.
func TestStoreCannotBeWritten(t *testing.T) {
	box := sandboxtest.Start(t, sandboxtest.Engine)
	before := box.Must("cd " + image.At + " && find . -type f | sort | xargs sha256sum | sha256sum")
	for _, try := range []string{
		"touch " + image.At + "/x",
		"mount -o remount,rw " + image.At + "; touch " + image.At + "/x",
		"mount -o remount,bind,rw " + image.At + "; touch " + image.At + "/x",
		"mkdir /tmp/b; mount --bind " + image.At + " /tmp/b && mount -o remount,bind,rw /tmp/b; touch /tmp/b/x",
		"f=$(find " + image.At + " -name os-release -type f | head -n1); echo evil >> $f",
		"docker rmi -f alpine",
	} {
		if out, status := box.Run(try); status == 0 {
			t.Errorf("%q succeeded, want an error; it wrote %q", try, out)
		}
	}
	if after := box.Must("cd " + image.At + " && find . -type f | sort | xargs sha256sum | sha256sum"); after != before {
		t.Errorf("the store is another than before: %s, was %s", after, before)
	}
	other := sandboxtest.Start(t, sandboxtest.Engine)
	if got := other.Must("docker run --rm --pull=never alpine echo hi 2>/dev/null"); got != "hi" {
		t.Errorf("another box's container says %q, want hi", got)
	}
}
