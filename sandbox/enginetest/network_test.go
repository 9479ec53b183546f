package enginetest

import "testing"

// TestNetworks connects containers with one another, with the box and with the gateway.
func TestNetworks(t *testing.T) {
	b := start(t)
	// A server in a line: busybox in Alpine has none but nc.
	const serve = `sh -c 'while true; do printf "HTTP/1.0 200 OK\r\n\r\nserved\n" | nc -l -p 80 >/dev/null; done'`
	follow(t, b, []step{
		{"docker run --rm alpine wget -q -O - http://httpstat.us/418 2>&1; true", "418", ""}, // through NAT, to the gateway
		{"!docker run --rm --network none alpine ping -c 1 -W 1 10.77.0.1", "unreachable", ""},
		{"docker run --rm --network host alpine ip addr show eth0", "10.77.", ""},
		{"docker run -d --name web -p 8080:80 alpine " + serve, "", ""},
		{"docker port web", "80/tcp -> 0.0.0.0:8080", ""},
		{"curl -sS --retry 5 --retry-connrefused localhost:8080", "served", ""},
		{"curl -sS --retry 5 --retry-connrefused $(docker inspect --format '{{.NetworkSettings.IPAddress}}' web)", "served", ""},
		{"docker rm -f -t 0 web", "", ""},
		{"!curl -sS -m 2 localhost:8080", "onnect", ""},

		{"docker network create shop && docker network ls", "shop", ""},
		{"docker run -d --name store --network shop --network-alias db alpine " + serve, "", ""},
		{"docker run --rm --network shop alpine wget -q -O - http://store", "served", ""},
		{"docker run --rm --network shop alpine wget -q -O - http://db", "served", ""},
		{"docker run --rm --network shop alpine wget -q -O - http://httpstat.us/418 2>&1; true", "418", ""},
		{"!docker run --rm --network shop alpine ping -c 1 -W 1 nobody", "bad address", ""},
		{"!docker run --rm alpine ping -c 1 -W 1 store", "bad address", ""}, // another network, other names
		{"docker network inspect shop", "10.89.0.0/24", ""},
		{"docker rm -f -t 0 store && docker network rm shop", "", ""},
	})
}

// TestNamesAreThereAtOnce starts containers that ask for a name in their first instant, while the name server still learns of
// them.
func TestNamesAreThereAtOnce(t *testing.T) {
	b := start(t)
	b.Must("docker network create n && docker run -d --name store --network n alpine sleep 1000")
	for range 10 {
		b.Must("docker run --rm --network n alpine ping -c 1 -W 20 store")
	}
}
