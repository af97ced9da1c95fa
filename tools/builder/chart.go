package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"
)

const (
	valuesKind     = "HelmValues"
	longestMessage = 360
)

// release is a Helm chart and what it is rendered with, as `helm template` does.
type helmRelease struct {
	// Folder is where the chart is; empty when only the values are wanted.
	Folder string `json:"folder"`
	// Files are the paths of the request's files, by their paths in the chart.
	Files map[string]string `json:"files"`
	// Dependencies are the same for charts that are not in the chart's own folder, by name.
	Dependencies map[string]map[string]string `json:"dependencies"`
	// Archive is the file that holds the chart, where it is in no folder.
	Archive string `json:"archive"`
	// Archives are the files that hold fetched charts that it depends on.
	Archives []string `json:"archives"`
	// Unverified tells that no digest is known of an archive.
	Unverified bool `json:"unverified"`

	// Label is what a chart of elsewhere is called in a sentence.
	Label string `json:"label"`
	// Missing are the charts that are not at hand, where no resource shows which those are.
	Missing     string   `json:"missing"`
	Name        string   `json:"name"`
	Template    string   `json:"nameTemplate"`
	Namespace   string   `json:"namespace"`
	Values      []values `json:"values"`
	KubeVersion string   `json:"kubeVersion"`
	APIVersions []string `json:"apiVersions"`
	NoDefaults  bool     `json:"noDefaults"`
	SkipCRDs    bool     `json:"skipCrds"`
	SkipHooks   bool     `json:"skipHooks"`
	SkipTests   bool     `json:"skipTests"`
	SkipSchema  bool     `json:"skipSchema"`
	// Kustomization is the file that inflates the chart; empty when the chart is what is built.
	Kustomization string `json:"kustomization"`
	// Generator is the item of the kustomization's generators that inflates it; empty where a field of its own does.
	Generator string `json:"generator"`
	// PostRenderer has the fields of a kustomization that the result goes through.
	PostRenderer map[string]any `json:"postRenderer"`
}

// document is a resource that a chart renders to, and the file that it comes from.
type document struct {
	origin, text string
}

// buildChart renders the chart of a request that is for one.
func buildChart(r *request, wanted *helmRelease) answer {
	if wanted.absent() {
		return onlyValues(r, wanted)
	}
	documents, err := wanted.render(r)
	if err != nil {
		return answer{Error: err.Error()}
	}
	result := answer{Notes: asked.sorted()}
	for _, item := range documents {
		if err := result.addDocument(item, r.Folder); err != nil {
			return answer{Error: wanted.failure(err).Error()}
		}
	}
	return result
}

func (a *answer) addDocument(item document, folder string) error {
	asJSON, err := yaml.YAMLToJSON([]byte(item.text))
	if err != nil {
		return fmt.Errorf("%s: %w", item.origin, err)
	}
	if string(asJSON) == "null" {
		return nil
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(asJSON, &head); err != nil || head.Kind == "" {
		return fmt.Errorf("%s: it renders to something that is no resource", item.origin)
	}
	origin := ""
	if item.origin != "" {
		if origin, err = filepath.Rel(path.Join("/", folder), path.Join("/", item.origin)); err != nil {
			return err
		}
	}
	id := fmt.Sprintf("%s.%s/%s.%s", head.Kind, head.APIVersion, head.Metadata.Name, head.Metadata.Namespace)
	return a.add(resource{Kind: head.Kind, ID: id, Origin: origin}, head.Metadata.Name, asJSON)
}

// onlyValues answers with the values of a chart that is not at hand, as a resource.
func onlyValues(r *request, wanted *helmRelease) (result answer) {
	if err := result.addValues(r, wanted); err != nil {
		return answer{Error: wanted.failure(err).Error()}
	}
	return result
}

func (a *answer) addValues(r *request, wanted *helmRelease) error {
	merged, err := mergeValues(r, wanted.Values, nil)
	if err != nil || (len(merged) == 0 && wanted.Missing == "") {
		return err
	}
	fields := map[string]any{"kind": valuesKind, "metadata": map[string]any{"name": wanted.Name}, "values": merged}
	if wanted.Missing != "" {
		fields["charts"] = wanted.Missing
	}
	asJSON, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return a.add(resource{Kind: valuesKind, ID: wanted.Name, Origin: wanted.valuesOrigin(r)}, wanted.Name, asJSON)
}

// valuesOrigin is the kustomization that names the chart, relative to the root.
func (c *helmRelease) valuesOrigin(r *request) string {
	if c.Kustomization == "" {
		return ""
	}
	relative, err := filepath.Rel(path.Join("/", r.Folder), path.Join("/", c.Kustomization))
	if err != nil {
		return ""
	}
	return relative
}

// inflate renders the charts of kustomizations, whose resources take the place of the charts.
func inflate(r *request) error {
	charts := map[string][]*helmRelease{}
	for _, item := range r.Charts {
		charts[item.Kustomization] = append(charts[item.Kustomization], item)
	}
	for file, items := range charts {
		var fields map[string]any
		if err := yaml.Unmarshal(r.contents[file], &fields); err != nil || fields == nil {
			continue // kustomize rejects it
		}
		delete(fields, "helmCharts")
		delete(fields, "helmGlobals")
		delete(fields, "helmChartInflationGenerator")
		resources, _ := fields["resources"].([]any)
		generators, _ := fields["generators"].([]any)
		for _, item := range items {
			generators = slices.DeleteFunc(generators, func(name any) bool { return name == item.Generator })
			if item.absent() {
				continue
			}
			documents, err := item.render(r)
			if err != nil {
				return err
			}
			for _, rendered := range documents {
				name := fmt.Sprintf(".rendered-%d.yaml", len(r.rendered))
				full := path.Join(path.Dir(file), name)
				r.contents[full], r.rendered[full] = []byte(rendered.text), rendered.origin
				resources = append(resources, name)
			}
		}
		fields["resources"], fields["generators"] = resources, generators
		changed, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		r.contents[file] = changed
	}
	return nil
}

// postRender has the chart inflated by a kustomization of its own, which does what the post-renderer does.
func (c *helmRelease) postRender(r *request) error {
	fields, err := json.Marshal(c.PostRenderer)
	if err != nil {
		return err
	}
	r.Folder = path.Join(r.Folder, ".post-renderer")
	c.Kustomization = path.Join(r.Folder, "kustomization.yaml")
	r.contents[c.Kustomization] = fields
	return nil
}

// originOf is where a resource comes from, relative to the root like kustomize's own.
func (r *request) originOf(origin string) string {
	template, found := r.rendered[path.Join(r.Folder, origin)]
	if !found {
		return origin
	}
	relative, err := filepath.Rel(path.Join("/", r.home), path.Join("/", template))
	if err != nil {
		return ""
	}
	return relative
}

func (c *helmRelease) failure(err error) error {
	message := strings.ReplaceAll(err.Error(), scratch+"/chart/", c.Folder+"/")
	if len(message) > longestMessage {
		// Where it begins, and the cause.
		message = message[:longestMessage/2] + " … " + message[len(message)-longestMessage/2:]
	}
	if c.Folder == "" && c.Label != "" {
		return fmt.Errorf("remote chart %s: %s", c.Label, strings.ToValidUTF8(message, ""))
	}
	return fmt.Errorf("chart %s: %s", c.label(), strings.ToValidUTF8(message, ""))
}

// absent tells that the chart is not at hand.
func (c *helmRelease) absent() bool {
	return c.Folder == "" && c.Archive == ""
}

func (c *helmRelease) label() string {
	return cmp.Or(c.Folder, c.Name)
}

func (c *helmRelease) render(r *request) (documents []document, err error) {
	var loaded *chart.Chart
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("Helm crashed: %v", crash)
		}
		if err != nil {
			if loaded != nil {
				// Helm names a file by the chart's name.
				templates := path.Join(c.Folder, "templates") + "/"
				err = errors.New(strings.ReplaceAll(err.Error(), loaded.Name()+"/templates/", templates))
			}
			err = c.failure(err)
		}
	}()
	if loaded, err = c.load(r); err != nil {
		return nil, err
	}
	files, err := c.templates(r, loaded)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	if !c.SkipCRDs {
		for _, definition := range loaded.CRDObjects() {
			for _, text := range split(string(definition.File.Data)) {
				documents = append(documents, document{c.origin(definition.Filename), text})
			}
		}
	}
	for _, manifest := range manifests {
		documents = append(documents, document{c.origin(manifest.Name), manifest.Content})
	}
	for _, hook := range hooks {
		if !c.SkipHooks && !(c.SkipTests && slices.Contains(hook.Events, release.HookTest)) {
			documents = append(documents, document{c.origin(hook.Path), hook.Manifest})
		}
	}
	return documents, nil
}

func split(text string) (documents []string) {
	parts := releaseutil.SplitManifests(text)
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(left, right string) int {
		if (releaseutil.BySplitManifestsOrder{left, right}).Less(0, 1) {
			return -1
		}
		return 1
	})
	for _, name := range names {
		documents = append(documents, parts[name])
	}
	return documents
}

// load reads the chart from a folder of its own, so that its .helmignore holds.
func (c *helmRelease) load(r *request) (*chart.Chart, error) {
	folder := filepath.Join(scratch, "chart")
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	loaded, err := c.own(r, folder)
	if err != nil {
		return nil, err
	}
	for name, files := range c.Dependencies {
		dependency, err := unpacked(r, filepath.Join(folder, "charts", name), files)
		if err != nil {
			return nil, err
		}
		loaded.AddDependency(dependency)
	}
	for _, archive := range c.Archives {
		dependency, err := loader.LoadArchive(bytes.NewReader(r.contents[archive]))
		if err != nil {
			return nil, err
		}
		loaded.AddDependency(dependency)
	}
	if loaded.Metadata.Type == "library" {
		return nil, errors.New("it is a library, which renders nothing")
	}
	if c.NoDefaults {
		loaded.Values = map[string]any{}
	}
	withoutForeignSchemas(loaded)
	return loaded, nil
}

// own is the chart without those of elsewhere that it depends on.
func (c *helmRelease) own(r *request, folder string) (*chart.Chart, error) {
	if c.Unverified {
		asked["is listed without a digest"] = true
	}
	if c.Archive != "" {
		return loader.LoadArchive(bytes.NewReader(r.contents[c.Archive]))
	}
	return unpacked(r, folder, c.Files)
}

func unpacked(r *request, folder string, files map[string]string) (*chart.Chart, error) {
	for name, from := range files {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%q is outside the chart", name)
		}
		target := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(target, r.contents[from], 0o600); err != nil {
			return nil, err
		}
	}
	return loader.LoadDir(folder)
}

// templates renders the chart's templates, by name.
func (c *helmRelease) templates(r *request, loaded *chart.Chart) (map[string]string, error) {
	merged, err := mergeValues(r, c.Values, loaded)
	if err != nil {
		return nil, err
	}
	name, err := c.releaseName()
	if err != nil {
		return nil, err
	}
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(loaded, merged); err != nil {
		return nil, err
	}
	capabilities, err := c.capabilities()
	if err != nil {
		return nil, err
	}
	if needed := loaded.Metadata.KubeVersion; needed != "" &&
		!chartutil.IsCompatibleRange(needed, capabilities.KubeVersion.String()) {
		return nil, fmt.Errorf("it needs Kubernetes %s, but is rendered for %s", needed, capabilities.KubeVersion.String())
	}
	options := common.ReleaseOptions{Name: name, Namespace: c.Namespace, Revision: 1, IsInstall: true}
	top, err := commonutil.ToRenderValuesWithSchemaValidation(loaded, merged, options, capabilities, c.SkipSchema)
	if err != nil {
		return nil, err
	}
	top["Capabilities"] = asking(capabilities)
	return engine.Engine{CustomTemplateFuncs: constantFunctions()}.Render(loaded, top)
}

func (c *helmRelease) capabilities() (*common.Capabilities, error) {
	capabilities := common.DefaultCapabilities.Copy()
	if c.KubeVersion != "" {
		parsed, err := common.ParseKubeVersion(c.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("%q is no version of Kubernetes", c.KubeVersion)
		}
		capabilities.KubeVersion = *parsed
	}
	capabilities.APIVersions = append(capabilities.APIVersions, c.APIVersions...)
	return capabilities, nil
}

// origin is the file of the request that a file of the chart is; the chart's description for one in an archive. A
// chart of elsewhere has none but the kustomization that names it.
func (c *helmRelease) origin(name string) string {
	if c.Archive != "" {
		return c.Kustomization
	}
	_, inside, _ := strings.Cut(name, "/")
	if from, found := c.Files[inside]; found {
		return from
	}
	for dependency, files := range c.Dependencies {
		if from, found := files[strings.TrimPrefix(inside, "charts/"+dependency+"/")]; found {
			return from
		}
	}
	return path.Join(c.Folder, chartutil.ChartfileName)
}
