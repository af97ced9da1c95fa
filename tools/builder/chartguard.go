package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// questions are what a chart asked for that only a cluster, the network, chance or the clock could answer.
type questions map[string]bool

var asked = questions{}

func (q questions) sorted() []string {
	notes := make([]string, 0, len(q))
	for note := range q {
		notes = append(notes, note)
	}
	slices.Sort(notes)
	return notes
}

// certificate is what Sprig's functions for certificates return.
type certificate struct{ Cert, Key string }

// constantFunctions replace the functions whose result depends on more than the chart: both sides of a review get
// the same one.
func constantFunctions() template.FuncMap {
	constant := func(name string, value any) any {
		return func(...any) any {
			asked[fmt.Sprintf("calls %s, which makes up a value", name)] = true
			return value
		}
	}
	letters := func(name, alphabet string) any {
		return func(count int) (string, error) {
			asked[fmt.Sprintf("calls %s, which makes up a value", name)] = true
			if count < 0 || count > 1<<20 {
				return "", fmt.Errorf("%s of %d characters", name, count)
			}
			return strings.Repeat(alphabet, count/len(alphabet)+1)[:count], nil
		}
	}
	moment := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
	functions := template.FuncMap{
		"lookup": func(_, kind, _, name string) (map[string]any, error) {
			asked[strings.TrimSpace(fmt.Sprintf("looks up %s %s in the cluster", kind, name))] = true
			return map[string]any{}, nil
		},
		"getHostByName": constant("getHostByName", ""),
		"now": func() time.Time {
			asked["asks for the time"] = true
			return moment
		},
		"ago":          constant("ago", "0s"),
		"uuidv4":       constant("uuidv4", "00000000-0000-4000-8000-000000000000"),
		"randInt":      func(least, most int) int { return least },
		"randAlpha":    letters("randAlpha", "random"),
		"randAlphaNum": letters("randAlphaNum", "random"),
		"randAscii":    letters("randAscii", "random"),
		"randNumeric":  letters("randNumeric", "0123456789"),
		"randBytes":    letters("randBytes", "random"),
		"shuffle":      func(text string) string { return text },
		"keys":         sortedKeys,
		"values":       valuesByKey,
	}
	for _, name := range []string{"genPrivateKey", "bcrypt", "htpasswd", "encryptAES"} {
		functions[name] = constant(name, name)
	}
	for _, name := range []string{"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
		"genSignedCert", "genSignedCertWithKey", "buildCustomCert"} {
		functions[name] = constant(name, certificate{"certificate", "key"})
	}
	return functions
}

func sortedKeys(tables ...map[string]any) []string {
	keys := []string{}
	for _, table := range tables {
		here := make([]string, 0, len(table))
		for key := range table {
			here = append(here, key)
		}
		slices.Sort(here)
		keys = append(keys, here...)
	}
	return keys
}

func valuesByKey(table map[string]any) []any {
	items := make([]any, 0, len(table))
	for _, key := range sortedKeys(table) {
		items = append(items, table[key])
	}
	return items
}

// capabilities are Helm's own, and note which APIs a chart asks for in vain.
type capabilities struct {
	*common.Capabilities
	APIVersions apiVersions
}

type apiVersions []string

func asking(own *common.Capabilities) *capabilities {
	return &capabilities{own, apiVersions(own.APIVersions)}
}

func (a apiVersions) Has(version string) bool {
	there := slices.Contains(a, version)
	if !there {
		asked[fmt.Sprintf("asks whether the cluster has %s", version)] = true
	}
	return there
}

var standardSchema = regexp.MustCompile(`^https?://json-schema\.org/draft(-0[467]|/2019-09|/2020-12)/schema#?$`)

// withoutForeignSchemas drops the schemas that refer to other files or addresses, which Helm would read.
func withoutForeignSchemas(loaded *chart.Chart) {
	var schema any
	if loaded.Schema != nil && (json.Unmarshal(loaded.Schema, &schema) != nil || foreign(schema)) {
		asked[fmt.Sprintf("has a schema that refers to others, so the values of %s are not checked", loaded.Name())] = true
		loaded.Schema = nil
	}
	for _, dependency := range loaded.Dependencies() {
		withoutForeignSchemas(dependency)
	}
}

func foreign(schema any) bool {
	switch value := schema.(type) {
	case map[string]any:
		for key, item := range value {
			text, isText := item.(string)
			switch {
			case isText && key == "$schema" && !standardSchema.MatchString(text),
				isText && key != "$schema" && strings.HasPrefix(key, "$") && strings.HasSuffix(strings.ToLower(key), "ref") &&
					!strings.HasPrefix(text, "#"),
				foreign(item):
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, foreign)
	}
	return false
}
