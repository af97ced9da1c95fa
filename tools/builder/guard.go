package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// maxRemote bounds a file that is fetched, and each file that git writes.
	maxRemoteFile = 10 << 20
	maxClonedFile = 512 << 20

	accessVariable = "BUILDER_ACCESS"
	gitVariable    = "BUILDER_GIT"
	pathVariable   = "BUILDER_PATH"
)

// downloadTime is how long a file or a chart may take.
var downloadTime = time.Minute

// reserved are addresses that are unicast, but not of the internet.
var reserved = prefixes("100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96",
	"64:ff9b:1::/48", "2002::/16", "2001::/32")

// access is what a root may fetch; nothing by default.
type access struct {
	// Hosts are names of hosts that may be asked, over HTTPS.
	Hosts []string `json:"hosts"`
	// Origins, such as http://localhost:5000, may be asked for charts whatever their address.
	Origins []string `json:"origins"`
	// Mirrors are local repositories, by the URL of the repository that each stands for.
	Mirrors map[string]string `json:"mirrors"`
}

func (a *access) empty() bool {
	return len(a.Hosts)+len(a.Mirrors) == 0
}

// check refuses every URL that is not an allowed host's. Its addresses are checked again when it is dialled.
func (a *access) check(address *url.URL) error {
	host := strings.ToLower(address.Hostname())
	if address.Scheme != "https" || address.User != nil || (address.Port() != "" && address.Port() != "443") ||
		!slices.Contains(a.Hosts, host) {
		return fmt.Errorf("%s://%s is not an allowed host", address.Scheme, address.Host)
	}
	return nil
}

// permits tells whether an origin is allowed by itself.
func (a *access) permits(address *url.URL) bool {
	return address.User == nil && slices.Contains(a.Origins, strings.ToLower(address.Scheme+"://"+address.Host))
}

// dials tells whether an origin has this host and port.
func (a *access) dials(address string) bool {
	return slices.ContainsFunc(a.Origins, func(origin string) bool {
		parsed, err := url.Parse(origin)
		if err != nil {
			return false
		}
		port := cmp.Or(parsed.Port(), map[string]string{"http": "80", "https": "443"}[parsed.Scheme])
		return net.JoinHostPort(parsed.Hostname(), port) == address
	})
}

// addresses are those of a host, all of which are public; none for a name that only the proxy can resolve.
func addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		if proxy, _ := http.ProxyFromEnvironment(httpsRequest(host)); proxy != nil {
			return nil, nil
		}
		return nil, err
	}
	for _, address := range found {
		if !public(address) {
			return nil, fmt.Errorf("%s has the address %s, which is not public", host, address)
		}
	}
	return found, nil
}

func httpsRequest(host string) *http.Request {
	return &http.Request{URL: &url.URL{Scheme: "https", Host: host}}
}

func public(address netip.Addr) bool {
	address = address.Unmap()
	return address.IsGlobalUnicast() && !address.IsPrivate() &&
		!slices.ContainsFunc(reserved, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for index, text := range texts {
		parsed[index] = netip.MustParsePrefix(text)
	}
	return parsed
}

// guardedTransport is how kustomize fetches files: each request, redirected ones included, is checked.
type guardedTransport struct {
	access *access
	next   *http.Transport
	// most bounds a response, and all responses together end at until.
	most  int64
	until time.Time
}

func newGuardedTransport() *guardedTransport {
	guarded := &guardedTransport{access: &access{}, next: http.DefaultTransport.(*http.Transport).Clone(), most: maxRemoteFile}
	// An archive that claims to be small must not become large on the way.
	guarded.next.DisableCompression = true
	dialer := &net.Dialer{Timeout: downloadTime}
	guarded.next.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil || guarded.access.dials(address) || !slices.Contains(guarded.access.Hosts, host) {
			return dialer.DialContext(ctx, network, address) // the user's proxy
		}
		found, err := addresses(ctx, host)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s has no address", host)
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort(found[0].String(), port))
	}
	return guarded
}

// begin sets other limits than those of a single file, until end.
func (g *guardedTransport) begin(most int64) {
	g.most, g.until = most, time.Now().Add(downloadTime)
}

func (g *guardedTransport) end() {
	g.most, g.until = maxRemoteFile, time.Time{}
}

func (g *guardedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	permitted := !g.until.IsZero() && g.access.permits(request.URL)
	if err := g.access.check(request.URL); err != nil && !permitted {
		return nil, err
	}
	for mirrored := range g.access.Mirrors {
		if strings.HasPrefix(request.URL.String(), mirrored+"/") {
			return nil, fmt.Errorf("%s is a repository", mirrored)
		}
	}
	until := g.until
	if until.IsZero() {
		until = time.Now().Add(downloadTime)
	}
	ctx, cancel := context.WithDeadline(request.Context(), until)
	if _, err := addresses(ctx, request.URL.Hostname()); err != nil && !permitted {
		cancel()
		return nil, err
	}
	response, err := g.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = &fetched{http.MaxBytesReader(nil, response.Body, g.most), cancel}
	return response, nil
}

// fetched is the body of a response; its time ends when it is closed.
type fetched struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (f *fetched) Close() error {
	defer f.cancel()
	return f.ReadCloser.Close()
}

// openGit lets kustomize find a git, this program itself, that fetches only what is allowed.
func openGit(allowed *access) error {
	if os.Getenv(gitVariable) == "" {
		return nil // kustomize says that there is none
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(scratch, "git")); err != nil {
		return err
	}
	encoded, err := json.Marshal(allowed)
	if err != nil {
		return err
	}
	if err := os.Setenv(accessVariable, string(encoded)); err != nil {
		return err
	}
	return os.Setenv("PATH", scratch)
}

// closePath keeps kustomize from finding any program. Which git there is, is kept for openGit.
func closePath() error {
	git, err := exec.LookPath("git")
	if err != nil {
		git = ""
	}
	for name, value := range map[string]string{gitVariable: git, pathVariable: os.Getenv("PATH"), "PATH": ""} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// guardedGit is what this program does when it is called as git.
func guardedGit(arguments []string) error {
	var allowed access
	if err := json.Unmarshal([]byte(os.Getenv(accessVariable)), &allowed); err != nil {
		return err
	}
	command, err := allowed.gitCommand(arguments)
	if err != nil || command == nil {
		return err
	}
	limit := syscall.Rlimit{Cur: maxClonedFile, Max: maxClonedFile}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return syscall.Exec(os.Getenv(gitVariable), append([]string{"git"}, command...), gitEnvironment(os.Environ()))
}

// gitEnvironment is without the user's configuration: attributes in a repository could name filters of it.
func gitEnvironment(environment []string) []string {
	kept := slices.DeleteFunc(environment, func(variable string) bool {
		return strings.HasPrefix(variable, "GIT_CONFIG") || strings.HasPrefix(variable, "PATH=") ||
			strings.HasPrefix(variable, accessVariable+"=")
	})
	return append(kept, "PATH="+os.Getenv(pathVariable), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ATTR_NOSYSTEM=1")
}

// gitCommand is what git does of what kustomize asks it for; nil where there is nothing to do: no remote is kept, and
// submodules are not read.
func (a *access) gitCommand(arguments []string) ([]string, error) {
	switch {
	case slices.Equal(arguments, []string{"init"}):
		return []string{"init", "--template="}, nil
	case slices.Equal(arguments, []string{"checkout", "FETCH_HEAD"}):
		return arguments, nil
	case len(arguments) == 4 && arguments[0] == "fetch" && arguments[1] == "--depth=1":
		return a.fetchCommand(arguments[2], arguments[3])
	}
	return nil, nil
}

func (a *access) fetchCommand(repository, ref string) ([]string, error) {
	if strings.HasPrefix(ref, "-") {
		return nil, fmt.Errorf("%q is no ref", ref)
	}
	if mirror, found := a.Mirrors[strings.TrimSuffix(repository, ".git")]; found {
		return []string{"-c", "protocol.allow=never", "-c", "protocol.file.allow=always",
			"fetch", "--depth=1", mirror, ref}, nil
	}
	address, err := url.Parse(repository)
	if err != nil {
		return nil, fmt.Errorf("%q is not the URL of an allowed host", repository)
	}
	if err := a.check(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), downloadTime)
	defer cancel()
	found, err := addresses(ctx, address.Hostname())
	if err != nil {
		return nil, err
	}
	command := []string{"-c", "protocol.allow=never", "-c", "protocol.https.allow=always",
		"-c", "http.followRedirects=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=10"}
	if len(found) > 0 {
		// The name could resolve to another address when git asks.
		command = append(command, "-c", fmt.Sprintf("http.curloptResolve=%s:443:%s", address.Hostname(), found[0]))
	}
	return append(command, "fetch", "--depth=1", repository, ref), nil
}
