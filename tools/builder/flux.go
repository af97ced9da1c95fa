package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/kustomize/api/resmap"
	kustomize "sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/yaml"
)

const substituteMark = "kustomize.toolkit.fluxcd.io/substitute"

var (
	variableName = regexp.MustCompile(`^[_[:alpha:]][_[:alpha:][:digit:]]*$`)
	variableUse  = regexp.MustCompile(`\$\$\{|\$\{#?([_[:alpha:]][_[:alpha:][:digit:]]*)`)
)

// afterBuild is what Flux changes in the resources that a root makes.
type afterBuild struct {
	Substitute bool              `json:"substitute"`
	Variables  map[string]string `json:"variables"`
	// Unknown are variables whose values are not known; where AnyUnknown is set, so are all others without a value.
	Unknown     []string          `json:"unknown"`
	AnyUnknown  bool              `json:"anyUnknown"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func (a *afterBuild) apply(resources resmap.ResMap) error {
	for name := range a.Variables {
		if !variableName.MatchString(name) {
			return fmt.Errorf("'%s' is no name of a variable", name)
		}
	}
	for _, built := range resources.Resources() {
		if a.Substitute && built.GetLabels()[substituteMark] != "disabled" && built.GetAnnotations()[substituteMark] != "disabled" {
			if err := a.substitute(built); err != nil {
				return fmt.Errorf("%s %s: %w", built.GetKind(), built.GetName(), err)
			}
		}
		if err := a.addMetadata(built); err != nil {
			return err
		}
	}
	return nil
}

func (a *afterBuild) substitute(built *kustomize.Resource) error {
	text, err := built.AsYAML()
	if err != nil {
		return err
	}
	filled, err := envsubst.Eval(a.keepUnknown(string(text)), func(name string) (string, bool) {
		return a.Variables[name], true
	})
	if err != nil {
		return fmt.Errorf("its variables cannot be substituted (%w)", err)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(filled))
	if err != nil {
		return fmt.Errorf("it is no YAML when its variables are substituted (%w)", err)
	}
	if err := built.UnmarshalJSON(asJSON); err != nil {
		return err
	}
	if built.GetKind() == "" || built.GetName() == "" {
		return errors.New("it has no kind or name when its variables are substituted")
	}
	return nil
}

// keepUnknown escapes the uses of unknown variables, which stay as they are written.
func (a *afterBuild) keepUnknown(text string) string {
	return variableUse.ReplaceAllStringFunc(text, func(use string) string {
		name := variableUse.FindStringSubmatch(use)[1]
		if _, known := a.Variables[name]; name == "" || known {
			return use
		}
		if a.AnyUnknown || slices.Contains(a.Unknown, name) {
			return "$" + use
		}
		return use
	})
}

func (a *afterBuild) addMetadata(built *kustomize.Resource) error {
	if len(a.Labels) > 0 {
		labels := built.GetLabels()
		maps.Copy(labels, a.Labels)
		if err := built.SetLabels(labels); err != nil {
			return err
		}
	}
	if len(a.Annotations) > 0 {
		annotations := built.GetAnnotations()
		maps.Copy(annotations, a.Annotations)
		return built.SetAnnotations(annotations)
	}
	return nil
}
