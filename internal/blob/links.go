package blob

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trellis/internal/fault"
)

// linkTime is how long an address holds, as those that Lambda answers do.
const linkTime = 10 * time.Minute

const (
	linkPath = "/_trellis/archives/"
	stamp    = "20060102T150405Z"
)

// Links are addresses of a store's archives, each for whoever has it, as the presigned URLs of S3 are: for ten minutes, until the
// server ends. They name an archive by its digest and are signed with a key that nobody else has, so nothing has to be
// remembered of them.
type Links struct {
	store *Store
	key   []byte
	now   func() time.Time
}

// NewLinks returns the addresses of s by a clock.
func NewLinks(s *Store, now func() time.Time) *Links {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &Links{s, key, now}
}

// Path returns the address of an archive on this server: an absolute path with a query.
func (l *Links) Path(digest string) string {
	q := url.Values{"X-Amz-Date": {l.now().UTC().Format(stamp)}, "X-Amz-Expires": {strconv.Itoa(int(linkTime / time.Second))}}
	q.Set("X-Amz-Signature", l.sign(digest, q))
	return linkPath + digest + "?" + q.Encode()
}

func (l *Links) sign(digest string, q url.Values) string {
	mac := hmac.New(sha256.New, l.key)
	_, _ = mac.Write([]byte(digest + "\n" + q.Get("X-Amz-Date") + "\n" + q.Get("X-Amz-Expires")))
	return hex.EncodeToString(mac.Sum(nil))
}

// linkError is a refusal in the form of S3's.
type linkError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// Serve answers a request for an archive, and reports false for any other, which it leaves alone.
func (l *Links) Serve(w http.ResponseWriter, r *http.Request) bool {
	digest, ours := strings.CutPrefix(r.URL.Path, linkPath)
	if !ours {
		return false
	}
	h := w.Header()
	refuse := func(status int, code, message string) {
		h.Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(linkError{Code: code, Message: message})
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		return true
	}
	q := r.URL.Query()
	if !hmac.Equal([]byte(l.sign(digest, q)), []byte(q.Get("X-Amz-Signature"))) {
		refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
		return true
	}
	// Nothing that is signed has another form.
	signed, err := time.Parse(stamp, q.Get("X-Amz-Date"))
	if age := l.now().Sub(signed); err != nil || age < -time.Second || age > linkTime {
		refuse(http.StatusForbidden, "AccessDenied", "Request has expired")
		return true
	}
	f, err := l.store.Archive(digest)
	switch {
	case fault.Is(err, fault.NotFound):
		refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return true
	case err != nil:
		refuse(http.StatusInternalServerError, "InternalError", "The archive cannot be read.")
		return true
	}
	defer f.Close()
	h.Set("Content-Type", "application/zip")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", strconv.Quote(digest))
	http.ServeContent(w, r, "", time.Time{}, f)
	return true
}
