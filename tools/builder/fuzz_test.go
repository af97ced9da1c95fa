package main

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
)

// generated is how many texts a fuzz test gets without -fuzz; with it, they are where it begins.
const generated = 200

const resourceText = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {b: c}}\ndata: {d: '${E} {{ .F }}'}\n"

// mixed are texts made of pieces, hardly any of which is broken; the same ones each time.
func mixed(seed uint64, pieces, broken []string) (texts []string) {
	random := rand.New(rand.NewPCG(seed, seed))
	for range generated {
		var text strings.Builder
		for range random.IntN(6) {
			choice := pieces
			if random.IntN(12) == 0 {
				choice = broken
			}
			text.WriteString(choice[random.IntN(len(choice))])
		}
		texts = append(texts, text.String())
	}
	return texts
}

func FuzzKustomizations(f *testing.F) {
	fields := []string{
		"resources: [a.yaml]\n", "resources: [b]\n", "resources: [a.yaml, b]\n", "namePrefix: a-\n", "namespace: b\n", "images: [{name: a, newTag: '1'}]\n",
		"patches: [{target: {kind: ConfigMap}, patch: '[{op: remove, path: /data}]'}]\n", "patches: [{patch: a}]\n",
		"configMapGenerator: [{name: a, literals: [b=c], behavior: merge}]\n", "replacements: [{source: {kind: ConfigMap}}]\n",
		"secretGenerator: [{name: a, files: [a.yaml]}]\n", "labels: [{pairs: {a: b}, includeSelectors: true}]\n",
		"components: [.]\n", "generators: [a.yaml]\n", "transformers: [a.yaml]\n", "validators: [b]\n", "openapi: {path: a.yaml}\n",
		"vars: [{name: E, objref: {kind: ConfigMap, name: a}}]\n", "crds: [a.yaml]\n", "sortOptions: {order: legacy}\n",
		"helmCharts: [{name: a}]\n",
	}
	broken := []string{"---\n", "a: &x [*x]\n", "? [\n", "\t", "{", "}", "\x00", "null\n", "[]\n"}
	for _, text := range mixed(1, fields, broken) {
		f.Add(text)
	}
	options, err := parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) { checkAnswer(t, text, options) })
}

func FuzzResources(f *testing.F) {
	pieces := []string{
		resourceText, "---\n" + resourceText, "---\n", "more: &x {b: c}\n", "<<: *x\n", "0o7: .nan\n", "spec: !!binary a\n", "status: ~\n",
		"---\nkind: A\napiVersion: b/v1\nmetadata: {name: c}\n", "---\nkind: List\napiVersion: v1\nitems: [{kind: A, metadata: {name: x}}]\n",
		"---\nkind: A\nmetadata: {name: d, annotations: {config.kubernetes.io/function: 'exec: {path: /bin/sh}'}}\n",
	}
	broken := []string{"kind: Secret\n", "metadata: {name: 1}\n", "metadata: []\n", "- a\n", "\ufeff", "\x85", "}", "- [", "{\"kind\": \"A\"}\n"}
	for _, text := range mixed(2, pieces, broken) {
		f.Add(text)
	}
	options, err := parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkAnswer(t, "resources: [c.yaml]\nconfigMapGenerator: [{name: g, literals: [a=b]}]\n", options, "app/c.yaml", text)
	})
}

// checkAnswer builds a root and checks that the answer is an error, or resources that are as long as they say.
func checkAnswer(t *testing.T, kustomization string, options *krusty.Options, more ...string) {
	r := &request{Folder: "app", rendered: map[string]string{}, contents: map[string][]byte{
		"app/kustomization.yaml":   []byte(kustomization),
		"app/a.yaml":               []byte(resourceText),
		"app/b/kustomization.yaml": []byte("resources: [c.yaml]\n"),
		"app/b/c.yaml":             []byte(strings.ReplaceAll(resourceText, "name: a", "name: c")),
	}}
	for index := 0; index < len(more); index += 2 {
		r.contents[more[index]] = []byte(more[index+1])
	}
	check(t, buildRoot(r, options))
}

func check(t *testing.T, result answer) {
	if result.Error != "" {
		if len(result.Resources) > 0 {
			t.Errorf("it is built although %q", result.Error)
		}
		return
	}
	rest := result.payload
	for _, item := range result.Resources {
		if item.YAML+item.JSON > len(rest) || !json.Valid(rest[item.YAML:item.YAML+item.JSON]) {
			t.Fatalf("%s: its JSON is not where the answer says", item.ID)
		}
		rest = rest[item.YAML+item.JSON:]
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes belong to no resource", len(rest))
	}
}

func FuzzCharts(f *testing.F) {
	pieces := []string{
		"a: {{ .Values.a }}\n", "b: {{ .Values.b.c }}\n", "{{ range .Values.d }}# {{ . }}\n{{ end }}", "{{ if .Values.a }}\nc: d\n{{ else }}\n{{ end }}",
		"{{ define \"x\" }}e: f{{ end }}\n", "g: {{ tpl .Values.a . }}\n", "{{- lookup \"v1\" \"Pod\" \"\" \"\" }}\n", "h: {{ .Files.Get \"../a\" | quote }}\n",
		"i: {{ toYaml .Values | quote }}\n", "# {{ .Capabilities.KubeVersion }}\n", "{{/* j */}}", "---\nkind: A\nmetadata: {name: b}\n",
		"---\n" + resourceText, "k: {{ now }}\n",
	}
	broken := []string{"{{ fail \"a\" }}", "{{ include \"x\" . }}", "{{ env \"HOME\" }}", "{{ required \"a\" nil }}", "{{", "}}", "{{ end }}", "---\n- a\n"}
	layers := mixed(3, []string{"a: b\n", "b: {c: 1}\n", "d: [1, {e: ~}]\n", "f: '{{ .Values.a }}'\n", "g: ~\n"}, []string{"- a\n", "&x", "*x", "{", "\x00"})
	for index, text := range mixed(4, pieces, broken) {
		f.Add("kind: A\nmetadata: {name: a}\n"+text, layers[index])
	}
	options, err := parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, settings string) {
		if strings.Contains(text, "until") || strings.Contains(text, "repeat") || strings.Contains(text, "gen") {
			t.Skip("it takes what the limits of a root allow")
		}
		r := &request{Folder: "chart", rendered: map[string]string{}, contents: map[string][]byte{
			"chart/Chart.yaml": []byte("apiVersion: v2\nname: a\nversion: 1.0.0\n"), "chart/templates/a.yaml": []byte(text), "v.yaml": []byte(settings),
		}}
		chart := &helmRelease{Folder: "chart", Name: "a", Values: []values{{File: "v.yaml"}}, Files: map[string]string{
			"Chart.yaml": "chart/Chart.yaml", "templates/a.yaml": "chart/templates/a.yaml",
		}}
		r.Charts = []*helmRelease{chart}
		check(t, buildRoot(r, options))
	})
}

func FuzzVariables(f *testing.F) {
	pieces := []string{"${A}", "${B}", "${A:=b}", "${A:-${B}}", "$$", "}", "${A/b/c}", "${A:0:1}", "${#A}", "a: b\n", "'", "\n", "é"}
	for _, text := range mixed(5, pieces, []string{"${", "${}", "${A B}"}) {
		f.Add(text, "b")
	}
	options, err := parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		quoted, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"},
			"data": map[string]any{"a": text}})
		if err != nil {
			t.Skip("it is no text")
		}
		r := &request{Folder: "app", rendered: map[string]string{}, contents: map[string][]byte{
			"app/kustomization.yaml": []byte("resources: [a.yaml]\n"), "app/a.yaml": quoted,
		}}
		r.AfterBuild = &afterBuild{Substitute: true, Variables: map[string]string{"A": value}, Unknown: []string{"B"}}
		check(t, buildRoot(r, options))
	})
}
