package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/hasher"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

// resource is one built resource: the file that it comes from, relative to the root, and how many bytes its YAML and
// its JSON have.
type resource struct {
	Origin string `json:"origin"`
	Kind   string `json:"kind"`
	// ID is what kustomize knows it by, before it appends a hash to the name.
	ID string `json:"id"`
	// Hashed tells that its name ends with the hash of its content, as a generator's does.
	Hashed bool `json:"hashed"`
	YAML   int  `json:"yaml"`
	JSON   int  `json:"json"`
}

const (
	// deepest is how deep a resource may be nested; whoever reads the answer must not run out of stack.
	deepest = 128
	// largest is how many bytes a resource may have: etcd takes 1.5 MB for one object.
	largest = 3_000_000
	// mostMade is how many bytes an answer may have; whoever reads it must not run out of memory.
	mostMade = 64 << 20
)

var (
	builtInSchema = openapi.GetSchemaVersion()
	temporary     = os.TempDir()
	contentHasher = &hasher.Hasher{}
	// scratch is the folder for the remote bases of the root that is built; empty when it has none.
	scratch string
)

// buildRoot builds the root of a request.
func buildRoot(r *request, options *krusty.Options) (result answer) {
	defer func() {
		if crash := recover(); crash != nil {
			result = answer{Error: fmt.Sprintf("kustomize crashed: %v", crash)}
		}
	}()
	defer resetSchema()
	if !r.Access.empty() || len(r.Charts) > 0 {
		if err := makeScratch(r); err != nil {
			return answer{Error: err.Error()}
		}
		defer removeScratch()
	}
	clear(asked)
	r.home = r.Folder
	if len(r.Charts) == 1 && r.Charts[0].Kustomization == "" {
		if r.Charts[0].PostRenderer == nil || r.Charts[0].absent() {
			return buildChart(r, r.Charts[0])
		}
		if err := r.Charts[0].postRender(r); err != nil {
			return answer{Error: err.Error()}
		}
	}
	if err := inflate(r); err != nil {
		return answer{Error: err.Error()}
	}
	file := findKustomization(r)
	own := r.contents[file]
	metadata := buildMetadata(own)
	noteTransformations(metadata)
	if file != "" {
		r.contents[file] = withOrigins(own)
	}
	if r.Anywhere {
		copied := *options
		copied.LoadRestrictions = types.LoadRestrictionsNone
		options = &copied
	}
	resources, err := krusty.MakeKustomizer(options).Run(newTree(r, scratch), path.Join(top, r.Folder))
	if err != nil {
		message := strings.ReplaceAll(err.Error(), top+"/", "")
		if r.Access.empty() {
			message = strings.ReplaceAll(message, "no 'git' program on path", "no repository may be fetched")
		}
		return answer{Error: message}
	}
	hashes := hashesOf(resources)
	if r.AfterBuild != nil {
		if err := r.AfterBuild.apply(resources); err != nil {
			return answer{Error: err.Error()}
		}
	}
	result = write(r, resources, hashes, slices.Contains(metadata, types.OriginAnnotations))
	for _, item := range r.Charts {
		if item.absent() && result.Error == "" {
			if err := result.addValues(r, item); err != nil {
				return answer{Error: item.failure(err).Error()}
			}
		}
	}
	return result
}

// hashesOf are the hashes at the end of names, by the resource's index.
func hashesOf(resources resmap.ResMap) map[int]string {
	hashes := map[int]string{}
	for index, built := range resources.Resources() {
		if kind := built.GetKind(); kind != "ConfigMap" && kind != "Secret" {
			continue
		}
		if hash, err := contentHasher.Hash(&built.RNode); err == nil && strings.HasSuffix(built.GetName(), "-"+hash) {
			hashes[index] = hash
		}
	}
	return hashes
}

func write(r *request, resources resmap.ResMap, hashes map[int]string, withOrigin bool) answer {
	result := answer{Notes: asked.sorted()}
	for index, built := range resources.Resources() {
		described := resource{Kind: built.GetKind(), ID: built.CurId().String()}
		if hash, hashed := hashes[index]; hashed {
			described.Hashed = true
			described.ID = strings.Replace(described.ID, "-"+hash, "", 1)
		}
		if origin, err := built.GetOrigin(); err == nil && origin != nil && origin.Repo == "" {
			described.Origin = origin.Path
			if described.Origin == "" {
				described.Origin = origin.ConfiguredIn
			}
			described.Origin = r.originOf(described.Origin)
		}
		if !withOrigin {
			if err := built.SetOrigin(nil); err != nil {
				return answer{Error: err.Error()}
			}
		}
		// As kustomize's AsYAML does; the JSON on the way is of use, too.
		asJSON, err := built.MarshalJSON()
		if err != nil {
			return answer{Error: err.Error()}
		}
		if err := result.add(described, built.GetName(), asJSON); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return result
}

// add adds a resource, as YAML and JSON.
func (a *answer) add(described resource, name string, asJSON []byte) error {
	if nesting(asJSON) > deepest {
		return fmt.Errorf("limit: %s %s is nested more than %d levels deep", described.Kind, name, deepest)
	}
	if len(asJSON) > largest {
		return fmt.Errorf("limit: %s %s has %d bytes, more than a cluster stores", described.Kind, name, len(asJSON))
	}
	asYAML, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		return err
	}
	described.YAML, described.JSON = len(asYAML), len(asJSON)
	a.Resources = append(a.Resources, described)
	a.payload = append(append(a.payload, asYAML...), asJSON...)
	if len(a.payload) > mostMade {
		return fmt.Errorf("limit: it makes more than %d MB of manifests", mostMade>>20)
	}
	return nil
}

// nesting is how deep JSON is nested.
func nesting(text []byte) (most int) {
	depth, quoted := 0, false
	for index := 0; index < len(text); index++ {
		switch character := text[index]; {
		case character == '\\' && quoted:
			index++
		case character == '"':
			quoted = !quoted
		case quoted:
		case character == '[' || character == '{':
			depth++
			most = max(most, depth)
		case character == ']' || character == '}':
			depth--
		}
	}
	return most
}

func findKustomization(r *request) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if file := path.Join(r.Folder, name); r.contents[file] != nil {
			return file
		}
	}
	return ""
}

// withOrigins has kustomize note where each resource comes from. What cannot be read is left for kustomize to reject.
func withOrigins(content []byte) []byte {
	metadata := buildMetadata(content)
	if metadata == nil {
		// The lines above keep their numbers, which messages name.
		appended := append(slices.Clone(content), "\nbuildMetadata: [originAnnotations]\n"...)
		if len(buildMetadata(appended)) == 1 {
			return appended
		}
	}
	var fields map[string]any
	if yaml.Unmarshal(content, &fields) != nil || fields == nil {
		return content
	}
	if !slices.Contains(metadata, types.OriginAnnotations) {
		metadata = append(metadata, types.OriginAnnotations)
	}
	fields["buildMetadata"] = metadata
	if changed, err := json.Marshal(fields); err == nil {
		return changed
	}
	return content
}

func buildMetadata(content []byte) []string {
	var fields struct {
		BuildMetadata []string `json:"buildMetadata"`
	}
	if err := yaml.Unmarshal(content, &fields); err != nil {
		return nil
	}
	return fields.BuildMetadata
}

// resetSchema forgets the OpenAPI schema that a root brought: kustomize keeps it in a global variable.
func resetSchema() {
	if openapi.GetSchemaVersion() != builtInSchema {
		openapi.ResetOpenAPI()
	}
}

// makeScratch makes the folder for charts, for the clones of remote bases, and for the git that makes them.
func makeScratch(r *request) error {
	folder, err := os.MkdirTemp(temporary, "builder-")
	if err != nil {
		return err
	}
	if scratch, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", scratch); err != nil {
		return err
	}
	if r.Access.empty() {
		return nil
	}
	return openGit(&r.Access)
}

func removeScratch() {
	if scratch != "" {
		os.RemoveAll(scratch)
		scratch = ""
		os.Setenv("PATH", "")
	}
}
