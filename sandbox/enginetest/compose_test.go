package enginetest

import "testing"

// shop is a project of two services: one that is built, and a store that it asks.
const shop = `mkdir -p /lab/shop/web && cd /lab/shop && cat > web/Dockerfile <<'X'
FROM alpine
COPY serve /
CMD ["/serve"]
X
cat > web/serve <<'X'
#!/bin/sh
while true; do
	{ printf "HTTP/1.0 200 OK\r\n\r\n$GREETING "; sleep 0.2; nc -w 2 store 6379 </dev/null; } | nc -l -p 8000 >/dev/null
	echo served
done
X
chmod +x web/serve
cat > docker-compose.yml <<'X'
version: "3"
services:
  web:
    build: ./web
    environment: {GREETING: welcome}
    ports: ["8000:8000"]
    stop_grace_period: 1s
    depends_on: [store]
  store:
    image: alpine
    command: sh -c "while true; do echo stored | nc -l -p 6379; done"
    volumes: ["kept:/kept"]
    stop_grace_period: 1s
volumes: {kept: {}}
X
`

// TestCompose orchestrates a project, as on the course's slide and under the command's newer name.
func TestCompose(t *testing.T) {
	b := start(t)
	b.Must(shop)
	follow(t, b, []step{
		{"cd /lab/shop && docker-compose up -d", "done", ""},
		{"cd /lab/shop && docker-compose ps", "0.0.0.0:8000->8000/tcp", "()"},
		{"curl -sS --retry 5 --retry-all-errors localhost:8000", "welcome stored", ""},
		{"cd /lab/shop && docker-compose exec -T web nslookup store", "10.89.", ""},
		{"cd /lab/shop && docker-compose exec store tty", "/dev/pts/", ""},
		{"cd /lab/shop && docker-compose logs web", "served", ""},
		{"cd /lab/shop && docker-compose run --rm web echo ran", "ran", ""},
		// What run starts does not answer to the service's name: it asks the service.
		{"cd /lab/shop && docker-compose run --rm store sh -c 'nslookup store | grep -c 10.89'", "2", ""}, // the server's line, and one answer
		{"cd /lab/shop && docker compose stop web && docker compose ps", "Exit", ""},
		{"cd /lab/shop && docker compose up -d", "", ""},
		{"docker ps --format '{{.Names}}'", "shop_web_1", ""},
		{"docker network ls", "shop_default", ""},
		{"docker volume ls", "shop_kept", ""},
		{"cd /lab/shop && docker compose down", "Removing network shop_default", ""},
		{"docker ps -aq | wc -l", "0", ""},
		// In the foreground, until it is interrupted.
		{"cd /lab/shop && { timeout -s INT 8 docker-compose up 2>&1; docker-compose ps -a; }", "Attaching to|Stopping", ""},
		{"cd /lab/shop && docker-compose down -v && docker volume ls -q | wc -l", "", ""},
		{"!cd /lab && docker-compose ps", "docker-compose.yml", ""},
	})
}
