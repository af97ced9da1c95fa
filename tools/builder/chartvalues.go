package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"text/template"

	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/strvals"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"
)

// values is one layer of a chart's values; a later layer wins.
type values struct {
	// File is a path of the request; Inside is one of the chart, where it is no path of the request.
	File   string `json:"file"`
	Inside string `json:"inside"`
	// Optional is of Inside.
	Optional bool `json:"optional"`
	// Inline is YAML. With File, Merge tells how kustomize puts the two together.
	Inline string `json:"inline"`
	Merge  string `json:"merge"`
	// Set and the like are what the options of Helm's command line of that name take; SetFile is a field for File.
	Set        string `json:"set"`
	SetString  string `json:"setString"`
	SetLiteral string `json:"setLiteral"`
	SetFile    string `json:"setFile"`
}

// mergeValues merges layers; those that are files of a chart are left out where there is none.
func mergeValues(r *request, layers []values, loaded *chart.Chart) (map[string]any, error) {
	merged := map[string]any{}
	for _, layer := range layers {
		var err error
		if layer.Inside != "" {
			if layer.File, err = layer.unpacked(r, loaded); err != nil {
				return nil, err
			}
		}
		switch {
		case layer.Inside != "" && layer.File == "" && layer.Inline == "":
		case layer.Set != "":
			err = strvals.ParseInto(layer.Set, merged)
		case layer.SetLiteral != "":
			err = strvals.ParseLiteralInto(layer.SetLiteral, merged)
		case layer.SetString != "":
			err = strvals.ParseIntoString(layer.SetString, merged)
		case layer.SetFile != "":
			reader := func([]rune) (any, error) { return string(r.contents[layer.File]), nil }
			err = strvals.ParseIntoFile(layer.SetFile+"=file", merged, reader)
		default:
			merged, err = layer.over(r, merged)
		}
		if err != nil {
			return nil, fmt.Errorf("its values cannot be read: %w", err)
		}
	}
	return merged, nil
}

// unpacked makes a file of a chart one of the request; it returns its path.
func (v *values) unpacked(r *request, loaded *chart.Chart) (string, error) {
	if loaded == nil {
		return "", nil
	}
	for _, file := range loaded.Raw {
		if file.Name == path.Clean(v.Inside) {
			name := path.Join("/chart", file.Name)
			r.contents[name] = file.Data
			return name, nil
		}
	}
	if v.Optional {
		return "", nil
	}
	return "", fmt.Errorf("the chart has no file %s", v.Inside)
}

// over merges the YAML of a layer over the values below it.
func (v *values) over(r *request, below map[string]any) (map[string]any, error) {
	text := []byte(v.Inline)
	if v.File != "" {
		text = r.contents[v.File]
	}
	if v.File != "" && v.Inline != "" {
		combined, err := v.combined(string(text))
		if err != nil {
			return nil, err
		}
		text = []byte(combined)
	}
	layer := map[string]any{}
	if err := yaml.Unmarshal(text, &layer); err != nil {
		if v.File != "" {
			return nil, fmt.Errorf("%s: %w", v.File, err)
		}
		return nil, err
	}
	if layer == nil {
		return below, nil
	}
	return util.MergeTables(layer, below), nil
}

// combined is what kustomize makes of a file of values and those in the kustomization.
func (v *values) combined(file string) (string, error) {
	base, err := kyaml.Parse(file)
	if err != nil {
		return "", err
	}
	inline, err := kyaml.Parse(v.Inline)
	if err != nil {
		return "", err
	}
	winner, loser := inline, base
	if v.Merge == "merge" {
		winner, loser = base, inline
	}
	merged, err := merge2.Merge(winner, loser, kyaml.MergeOptions{})
	if err != nil || merged == nil {
		return "", err
	}
	return merged.String()
}

func (c *helmRelease) releaseName() (string, error) {
	if c.Template == "" {
		return c.Name, nil
	}
	parsed, err := template.New("name").Funcs(sprigFunctions()).Parse(c.Template)
	if err != nil {
		return "", err
	}
	var name bytes.Buffer
	if err := parsed.Execute(&name, nil); err != nil {
		return "", err
	}
	return strings.TrimSpace(name.String()), nil
}
