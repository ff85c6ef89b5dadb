package main

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// allowance is how long a client of the APIs may take: to send a request's header, to send all of it, to take each part of its
// answer, and to make its next request.
type allowance struct{ header, request, answer, next time.Duration }

var usual = allowance{header: 10 * time.Second, request: time.Minute, answer: 30 * time.Second, next: 2 * time.Minute}

// maxHeader is how long a request's header may be. The longest part of one is a session's token.
const maxHeader = 64 << 10

// newWeb returns the server of the APIs. What an API takes to answer has no limit here: a function may run for long.
func newWeb(h http.Handler, p allowance, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			// The connection may carry the limit of its last answer.
			_ = control.SetWriteDeadline(time.Time{})
			// Only a proxy has business with other forms of a target than a path: what they name could be read in two ways.
			if !strings.HasPrefix(r.RequestURI, "/") {
				w.Header().Set("Connection", "close")
				http.Error(&hasty{w, control, p.answer}, "400 Bad Request: the target is not a path", http.StatusBadRequest)
				return
			}
			// Where a length stood beside the coding, what follows the body may be meant as a part of it.
			if len(r.TransferEncoding) > 0 {
				w.Header().Set("Connection", "close")
			}
			h.ServeHTTP(&hasty{w, control, p.answer}, r)
		}),
		DisableGeneralOptionsHandler: true, ReadHeaderTimeout: p.header, ReadTimeout: p.request, IdleTimeout: p.next, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// hasty gives a client so long to take what is written.
type hasty struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

func (h *hasty) Write(b []byte) (int, error) {
	if err := h.control.SetWriteDeadline(time.Now().Add(h.limit)); err != nil {
		return 0, err
	}
	return h.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (h *hasty) Unwrap() http.ResponseWriter { return h.ResponseWriter }
