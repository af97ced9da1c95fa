package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestOnlyAllowedHostsAreAsked(t *testing.T) {
	allowed := &access{Hosts: []string{"git.example.com", "127.0.0.1"}}
	for address, expected := range map[string]bool{
		"https://git.example.com/a/b":         true,
		"https://GIT.example.com:443/a/b":     true,
		"http://git.example.com/a/b":          false,
		"https://git.example.com:8443/a/b":    false,
		"https://git.example.com.evil.test/a": false,
		"https://git.example.com@evil.test/a": false,
		"https://user@git.example.com/a":      false,
		"ssh://git.example.com/a":             false,
		"file:///git.example.com/a":           false,
		"https://other.example.com/a":         false,
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := allowed.check(parsed); (err == nil) != expected {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestNoAddressOfThisNetworkIsPublic(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
		"::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
	} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{"140.82.112.3", "2606:50c0:8000::153", "8.8.8.8"} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
}

func TestAnAllowedHostWithALocalAddressIsNotAsked(t *testing.T) {
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	guarded := newGuardedTransport()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		guarded.access = &access{Hosts: []string{host}}
		request, err := http.NewRequest(http.MethodGet, "https://"+host+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := guarded.RoundTrip(request); err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v", host, err)
		}
		connection, err := guarded.next.DialContext(t.Context(), "tcp", host+":443")
		if err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s was dialled: %v %v", host, connection, err)
		}
	}
	if asked > 0 {
		t.Error("it was asked")
	}
}

func TestARedirectIsARequest(t *testing.T) {
	guarded := newGuardedTransport()
	client := &http.Client{Transport: redirecting{guarded}}
	if _, err := client.Get("https://allowed.example.com/x"); err == nil || !strings.Contains(err.Error(), "not an allowed host") {
		t.Errorf("%v", err)
	}
}

// redirecting answers the first request by a redirect to this machine.
type redirecting struct{ next http.RoundTripper }

func (r redirecting) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Hostname() != "allowed.example.com" {
		return r.next.RoundTrip(request)
	}
	recorder := httptest.NewRecorder()
	http.Redirect(recorder, request, "http://127.0.0.1/metadata", http.StatusFound)
	return recorder.Result(), nil
}

func TestGitDoesOnlyWhatAnAllowedBaseNeeds(t *testing.T) {
	allowed := &access{Mirrors: map[string]string{"https://github.com/a/b": "file:///mirror"}}
	for _, arguments := range [][]string{
		{"remote", "add", "origin", "https://github.com/a/b"},
		{"submodule", "update", "--init", "--recursive"},
		{"fetch", "https://github.com/a/b"},
		{"clone", "https://github.com/a/b"},
	} {
		if command, err := allowed.gitCommand(arguments); command != nil || err != nil {
			t.Errorf("%v: %v %v", arguments, command, err)
		}
	}
	command, err := allowed.gitCommand([]string{"fetch", "--depth=1", "https://github.com/a/b.git", "v1"})
	if err != nil || !slices.Equal(command[len(command)-2:], []string{"file:///mirror", "v1"}) {
		t.Errorf("%v %v", command, err)
	}
	for _, fetched := range [][2]string{
		{"https://github.com/a/b", "--upload-pack=touch /tmp/x"},
		{"https://github.com/a/c", "v1"},
		{"git@github.com:a/b", "v1"},
		{"ssh://git@github.com/a/b", "v1"},
		{"file:///mirror", "v1"},
		{"/mirror", "v1"},
		{"ext::sh -c id", "v1"},
		{"--upload-pack=id", "v1"},
	} {
		if command, err := allowed.gitCommand([]string{"fetch", "--depth=1", fetched[0], fetched[1]}); err == nil {
			t.Errorf("%v: %v", fetched, command)
		}
	}
}

func TestGitHasNoConfigurationOfTheUser(t *testing.T) {
	t.Setenv(pathVariable, "/usr/bin")
	environment := gitEnvironment([]string{"PATH=/scratch", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=x", "HOME=/h"})
	for _, expected := range []string{"PATH=/usr/bin", "HOME=/h", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"} {
		if !slices.Contains(environment, expected) {
			t.Errorf("%s is missing in %v", expected, environment)
		}
	}
	if slices.Contains(environment, "GIT_CONFIG_COUNT=1") || slices.Contains(environment, "PATH=/scratch") {
		t.Errorf("%v", environment)
	}
}

func TestAnOriginIsAllowedAsItIs(t *testing.T) {
	allowed := &access{Origins: []string{"http://127.0.0.1:5000", "https://charts.internal"}}
	for address, expected := range map[string]bool{
		"http://127.0.0.1:5000/index.yaml":   true,
		"https://charts.internal/x":          true,
		"https://CHARTS.internal/x":          true,
		"http://127.0.0.1:5001/x":            false,
		"https://127.0.0.1:5000/x":           false,
		"http://charts.internal/x":           false,
		"http://user@127.0.0.1:5000/x":       false,
		"https://charts.internal.evil.test/": false,
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if allowed.permits(parsed) != expected {
			t.Errorf("%s", address)
		}
	}
	if !allowed.dials("127.0.0.1:5000") || !allowed.dials("charts.internal:443") || allowed.dials("127.0.0.1:443") {
		t.Error("an origin has its own port")
	}
}

func TestAnOriginServesChartsOnly(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	guarded := newGuardedTransport()
	guarded.access = &access{Origins: []string{server.URL}}
	client := &http.Client{Transport: guarded}
	if _, err := client.Get(server.URL); err == nil || asked > 0 {
		t.Errorf("a file is fetched: %v", err)
	}
	guarded.begin(maxChartFile)
	if response, err := client.Get(server.URL); err != nil || asked != 1 {
		t.Errorf("a chart is not fetched: %v", err)
	} else {
		response.Body.Close()
	}
	guarded.end()
	if _, err := client.Get(server.URL); err == nil {
		t.Error("a file is fetched afterwards")
	}
}
