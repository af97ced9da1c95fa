package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
	"sigs.k8s.io/yaml"
)

const (
	ociScheme = "oci://"
	// maxChartFile bounds an index or an archive: no index of a known repository has half of it.
	maxChartFile  = 32 << 20
	maxUnpacked   = 64 << 20
	maxChartFiles = 10_000
)

// chartFetch asks for a chart of a repository or registry.
type chartFetch struct {
	Repository string `json:"repository"`
	Name       string `json:"name"`
	// Version may be a range; empty for the latest.
	Version string `json:"version"`
	// Digest is that of a manifest in a registry.
	Digest string `json:"digest"`
}

// fetchedChart describes an archive, which follows the answer.
type fetchedChart struct {
	Version string `json:"version"`
	// Digest is the SHA-256 of the archive.
	Digest string `json:"digest"`
	Size   int    `json:"size"`
	// Unverified tells that the index says no digest.
	Unverified bool `json:"unverified,omitempty"`
}

// fetch answers with a chart's archive, checked.
func (c *chartFetch) fetch(guarded *guardedTransport) answer {
	guarded.begin(maxChartFile)
	defer guarded.end()
	client := &http.Client{Transport: guarded}
	pull := c.download
	if strings.HasPrefix(c.Repository, ociScheme) {
		pull = c.pull
	}
	described, content, err := pull(client, guarded.access)
	if err == nil {
		err = checkArchive(content)
	}
	if err != nil {
		return answer{Error: reason(err)}
	}
	sum := sha256.Sum256(content)
	described.Digest, described.Size = hex.EncodeToString(sum[:]), len(content)
	return answer{Chart: described, payload: content}
}

// download fetches a chart that the index of an HTTP repository names.
func (c *chartFetch) download(client *http.Client, _ *access) (*fetchedChart, []byte, error) {
	base, err := url.Parse(strings.TrimSuffix(c.Repository, "/") + "/")
	if err != nil {
		return nil, nil, fmt.Errorf("%s is not a URL", c.Repository)
	}
	text, err := get(client, base.JoinPath("index.yaml").String())
	if err != nil {
		return nil, nil, err
	}
	entry, err := c.entry(text)
	if err != nil {
		return nil, nil, err
	}
	location, err := base.Parse(entry.URLs[0])
	if err != nil {
		return nil, nil, fmt.Errorf("the index has %q, which is not a URL", entry.URLs[0])
	}
	if location.Scheme == "oci" {
		return nil, nil, fmt.Errorf("its index refers to the registry %s", location.Host)
	}
	content, err := get(client, location.String())
	if err != nil {
		return nil, nil, err
	}
	expected := strings.TrimPrefix(entry.Digest, "sha256:")
	if actual := fmt.Sprintf("%x", sha256.Sum256(content)); expected != "" && actual != expected {
		return nil, nil, fmt.Errorf("the archive has the digest %s, but the index says %s", actual, expected)
	}
	return &fetchedChart{Version: entry.Version, Unverified: expected == ""}, content, nil
}

type indexEntry struct {
	Version string   `json:"version"`
	URLs    []string `json:"urls"`
	Digest  string   `json:"digest"`
}

// entry is the chart in an index, chosen as Helm does: the version as it is written, or else the highest that fits.
func (c *chartFetch) entry(index []byte) (*indexEntry, error) {
	var content struct {
		Entries map[string][]*indexEntry `json:"entries"`
	}
	if err := yaml.Unmarshal(index, &content); err != nil {
		return nil, fmt.Errorf("its index cannot be read (%v)", shortened(err.Error()))
	}
	entries := slices.DeleteFunc(content.Entries[c.Name], func(entry *indexEntry) bool {
		return entry == nil || len(entry.URLs) == 0
	})
	for _, entry := range entries {
		if entry.Version == c.Version {
			return entry, nil
		}
	}
	wanted, err := semver.NewConstraint(cmp.Or(c.Version, "*"))
	if err != nil {
		return nil, fmt.Errorf("%q is not a version", c.Version)
	}
	var best *indexEntry
	var highest *semver.Version
	for _, entry := range entries {
		version, err := semver.NewVersion(entry.Version)
		if err == nil && wanted.Check(version) && (highest == nil || version.GreaterThan(highest)) {
			best, highest = entry, version
		}
	}
	if best == nil {
		return nil, errors.New("its repository does not have it")
	}
	return best, nil
}

// pull fetches a chart from a registry, whose digests Helm's library checks.
func (c *chartFetch) pull(client *http.Client, allowed *access) (*fetchedChart, []byte, error) {
	reference := strings.TrimSuffix(strings.TrimPrefix(c.Repository, ociScheme), "/")
	if c.Name != "" {
		reference = path.Join(reference, c.Name)
	}
	options := []registry.ClientOption{
		registry.ClientOptHTTPClient(client),
		// Without it, the user's credentials would be sent.
		registry.ClientOptAuthorizer(auth.Client{Client: client}),
		registry.ClientOptCredentialsFile(path.Join(temporary, "no-credentials")),
	}
	host, _, _ := strings.Cut(reference, "/")
	if slices.Contains(allowed.Origins, "http://"+host) {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	puller, err := registry.NewClient(options...)
	if err != nil {
		return nil, nil, err
	}
	version := c.Version
	if c.Digest == "" && !exact(version) {
		tags, err := puller.Tags(reference)
		if err != nil {
			return nil, nil, err
		}
		if version, err = registry.GetTagMatchingVersionOrConstraint(tags, version); err != nil {
			return nil, nil, errors.New("its registry does not have it")
		}
	}
	if c.Digest != "" {
		reference += "@" + c.Digest
	} else {
		reference += ":" + version
	}
	pulled, err := puller.Pull(reference)
	if err != nil {
		return nil, nil, err
	}
	return &fetchedChart{Version: pulled.Chart.Meta.Version}, pulled.Chart.Data, nil
}

// exact tells a tag from a range of versions.
func exact(version string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil
}

func get(client *http.Client, address string) ([]byte, error) {
	response, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	return io.ReadAll(response.Body)
}

// checkArchive refuses what would take too much, or lead out of the chart, before anything keeps it.
func checkArchive(content []byte) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return errors.New("its archive is not compressed by gzip")
	}
	limited := &io.LimitedReader{R: unzipped, N: maxUnpacked}
	reader := tar.NewReader(limited)
	for count := 0; ; count++ {
		header, err := reader.Next()
		if limited.N <= 0 {
			return fmt.Errorf("its archive has more than %d MB", maxUnpacked>>20)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("its archive cannot be read (%v)", err)
		}
		if count >= maxChartFiles {
			return fmt.Errorf("its archive has more than %d files", maxChartFiles)
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("its archive has %q, which is not a file", header.Name)
		}
	}
	if _, err := loader.LoadArchive(bytes.NewReader(content)); err != nil {
		return fmt.Errorf("its archive is not a chart (%v)", shortened(err.Error()))
	}
	return nil
}

// reason is an error as the end of a sentence.
func reason(err error) string {
	var unresolved *net.DNSError
	var tooLarge *http.MaxBytesError
	var failed *url.Error
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Sprintf("it has more than %d MB", tooLarge.Limit>>20)
	case errors.As(err, &unresolved):
		return fmt.Sprintf("%s cannot be resolved", unresolved.Name)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("it takes longer than %v", downloadTime)
	case errors.As(err, &failed):
		return shortened(failed.Err.Error())
	}
	return shortened(err.Error())
}

func shortened(message string) string {
	if len(message) > longestMessage {
		message = message[:longestMessage] + " …"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(message, "\n", " "), "")
}
