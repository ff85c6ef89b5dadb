package peer

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"trellis/bench/process"
)

// The check that every proxy makes: the method is GET, the query has q=blue, and the request comes from this machine's
// loopback, which stands for the caller's VPC. Each writes an access record of every request to a file, through a buffer
// where it has one, and keeps its connections to the target.

const nginxConfig = `%s
pid nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 4096; }
http {
	log_format record '$time_iso8601 $remote_addr $host "$request" $status $body_bytes_sent $request_time $upstream_addr "$http_user_agent"';
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

const haproxyConfig = `global
	nbthread 1
	maxconn 4096
	log stdout len 1024 format raw local0
defaults
	mode http
	log global
	option httplog
	option http-keep-alive
	option forwardfor
	http-reuse always
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend lattice
	bind %s backlog 1024
	http-request deny deny_status 403 unless { method GET } { url_param(q) -m str blue } { src 127.0.0.0/8 }
	default_backend target
backend target
	server target %s maxconn 4096 pool-max-conn -1
`

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
	file, err := write(dir, "nginx.conf", fmt.Sprintf(nginxConfig, user, target, listen))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Env: b.Env, Dir: dir, Core: core, Log: filepath.Join(dir, "log"),
		Args: []string{"-p", dir, "-c", file, "-e", "stderr", "-g", "daemon off;"}})
}

// StartHAProxy runs HAProxy with one thread.
func StartHAProxy(b Binary, dir string, core int, listen, target netip.AddrPort) (*process.Process, error) {
	file, err := write(dir, "haproxy.cfg", fmt.Sprintf(haproxyConfig, listen, target))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Program{Path: b.Path, Env: b.Env, Dir: dir, Core: core, Log: filepath.Join(dir, "log"), Args: []string{"-db", "-f", file}})
}

// StartEnvoy runs Envoy with one worker.
func StartEnvoy(b Binary, dir string, core int, listen, target netip.AddrPort) (*process.Process, error) {
	file, err := write(dir, "envoy.yaml", fmt.Sprintf(envoyConfig, listen.Addr(), listen.Port(), target.Addr(), target.Port()))
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
