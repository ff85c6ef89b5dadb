package peer

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"trellis/bench/process"
)

// The check that every proxy makes: the method is GET, the query has q=blue, and the request comes from this machine's
// loopback, which stands for the caller's VPC. Each writes VPC Lattice's access record of every request to a file, through a
// buffer where it has one, and keeps its connections to the target.

// words are a proxy's own for what an access record tells of a request.
type words struct {
	client, target, time, method, path, protocol, status, received, sent, duration, agent, host, response, id string
}

// record is the form of an access record, with what a proxy cannot know by itself as it is for Trellis.
func (w words) record() string {
	const vpc, lattice = "arn:aws:ec2:us-west-2:222222222222:vpc/vpc-0123456789abcdef0", "arn:aws:vpc-lattice:us-west-2:111111111111:"
	fields := []struct{ name, value string }{
		{"serviceNetworkArn", lattice + "servicenetwork/sn-0123456789abcdefg"}, {"resolvedUser", "Anonymous"},
		{"listenerType", "-"}, {"listenerId", "-"}, {"authDeniedReason", "-"}, {"targetGroupArn", lattice + "targetgroup/tg-0123456789abcdefg"},
		{"sourceVpcArn", vpc}, {"sourceVpcId", "vpc-0123456789abcdef0"}, {"destinationVpcId", "vpc-0fedcba9876543210"},
		{"sourceIpPort", w.client}, {"targetIpPort", w.target}, {"failureReason", "-"}, {"serviceArn", lattice + "service/svc-0123456789abcdefg"},
		{"startTime", w.time}, {"requestMethod", w.method}, {"requestPath", w.path}, {"protocol", w.protocol}, {"responseCode", w.status},
		{"bytesReceived", w.received}, {"bytesSent", w.sent}, {"duration", w.duration}, {"userAgent", w.agent}, {"hostHeader", w.host},
		{"serverNameIndication", "-"}, {"requestToTargetDuration", "-"}, {"responseFromTargetDuration", w.response}, {"sslCipher", "-"},
		{"tlsVersion", "-"}, {"callerPrincipal", "-"}, {"callerPrincipalOrgID", "-"}, {"callerX509IssuerOU", "-"}, {"callerX509SubjectCN", "-"},
		{"callerX509SANNameCN", "-"}, {"callerX509SANDNS", "-"}, {"callerX509SANURI", "-"}, {"requestId", w.id},
	}
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%q", f.name, f.value)
	}
	return "{" + b.String() + "}"
}

var nginxWords = words{"$remote_addr:$remote_port", "$upstream_addr", "$time_iso8601", "$request_method", "$uri", "$server_protocol", "$status",
	"$request_length", "$bytes_sent", "$request_time", "$http_user_agent", "$http_host", "$upstream_header_time", "$request_id"}

const nginxConfig = `%s
pid nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 4096; }
http {
	log_format record escape=json '%s';
	access_log access.log record buffer=64k flush=1s;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	geo $here { default 0; 127.0.0.0/8 1; }
	map "$request_method $arg_q $here" $allowed { default 0; "GET blue 1" 1; }
	upstream target { server %s; keepalive 256; keepalive_requests 1000000000; }
	server {
		listen %s backlog=1024;
		location / {
			if ($allowed = 0) { return 403; }
			proxy_pass http://target;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_buffers 16 32k;
			proxy_max_temp_file_size 0;
		}
	}
}
`

var haproxyWords = words{"%ci:%cp", "%si:%sp", "%T", "%HM", "%HP", "%HV", "%ST", "%U", "%B", "%Ta", "%[capture.req.hdr(0)]", "%[capture.req.hdr(1)]", "%Tr", "%[uuid()]"}

const haproxyConfig = `global
	nbthread 1
	maxconn 4096
	log stdout len 4096 format raw local0
defaults
	mode http
	log global
	log-format '%s'
	option http-keep-alive
	option forwardfor
	http-reuse always
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend lattice
	bind %s backlog 1024
	capture request header User-Agent len 128
	capture request header Host len 128
	http-request deny deny_status 403 unless { method GET } { url_param(q) -m str blue } { src 127.0.0.0/8 }
	default_backend target
backend target
	server target %s maxconn 4096 pool-max-conn -1
`

var envoyWords = words{"%DOWNSTREAM_REMOTE_ADDRESS%", "%UPSTREAM_HOST%", "%START_TIME%", "%REQ(:METHOD)%", "%REQ(:PATH)%", "%PROTOCOL%", "%RESPONSE_CODE%",
	"%BYTES_RECEIVED%", "%BYTES_SENT%", "%DURATION%", "%REQ(USER-AGENT)%", "%REQ(:AUTHORITY)%", "%RESPONSE_DURATION%", "%REQ(X-REQUEST-ID)%"}

const envoyConfig = `static_resources:
  listeners:
  - address: { socket_address: { address: %s, port_value: %d } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: lattice
          use_remote_address: true
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: access.log
              log_format: { text_format_source: { inline_string: %q } }
          http_filters:
          - name: envoy.filters.http.rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules:
                action: ALLOW
                policies:
                  blue:
                    permissions:
                    - and_rules:
                        rules:
                        - header: { name: ":method", string_match: { exact: GET } }
                        - header: { name: ":path", string_match: { safe_regex: { regex: ".*[?&]q=blue(&.*)?" } } }
                    principals:
                    - direct_remote_ip: { address_prefix: 127.0.0.0, prefix_len: 8 }
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                route: { cluster: target, timeout: 60s }
  clusters:
  - name: target
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: { thresholds: [ { max_connections: 4096, max_pending_requests: 4096, max_requests: 4096 } ] }
    load_assignment:
      cluster_name: target
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: %s, port_value: %d } } }
`

// StartNginx runs nginx with one worker, its files in dir.
func StartNginx(b Binary, dir string, core int, listen, target netip.AddrPort) (*process.Process, error) {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	file, err := write(dir, "nginx.conf", fmt.Sprintf(nginxConfig, user, nginxWords.record(), target, listen))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Env: b.Env, Dir: dir, Core: core, Log: filepath.Join(dir, "log"),
		Args: []string{"-p", dir, "-c", file, "-e", "stderr", "-g", "daemon off;"}})
}

// StartHAProxy runs HAProxy with one thread.
func StartHAProxy(b Binary, dir string, core int, listen, target netip.AddrPort) (*process.Process, error) {
	file, err := write(dir, "haproxy.cfg", fmt.Sprintf(haproxyConfig, haproxyWords.record(), listen, target))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Env: b.Env, Dir: dir, Core: core, Log: filepath.Join(dir, "log"), Args: []string{"-db", "-f", file}})
}

// StartEnvoy runs Envoy with one worker.
func StartEnvoy(b Binary, dir string, core int, listen, target netip.AddrPort) (*process.Process, error) {
	file, err := write(dir, "envoy.yaml", fmt.Sprintf(envoyConfig, listen.Addr(), listen.Port(), envoyWords.record()+"\n", target.Addr(), target.Port()))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Env: b.Env, Dir: dir, Core: core, Log: filepath.Join(dir, "log"),
		Args: []string{"-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"}})
}

// StartMoto runs moto's server.
func StartMoto(b Binary, dir string, core int, listen netip.AddrPort) (*process.Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Dir: dir, Core: core, Log: filepath.Join(dir, "log"),
		Args: []string{"-H", listen.Addr().String(), "-p", strconv.Itoa(int(listen.Port()))}})
}

func write(dir, name, text string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(text), 0o644)
}
