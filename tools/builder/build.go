package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

// resource is one built resource: the file that it comes from, relative to the root, and how many bytes its YAML and
// its JSON have.
type resource struct {
	Origin string `json:"origin"`
	Kind   string `json:"kind"`
	YAML   int    `json:"yaml"`
	JSON   int    `json:"json"`
}

var (
	builtInSchema = openapi.GetSchemaVersion()
	temporary     = os.TempDir()
	// scratch is the folder for what the root that is built needs a disk for; empty when it needs none.
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
	onDisk := r.Charts && options.PluginConfig.HelmConfig.Enabled
	if len(r.Environment) > 0 || onDisk {
		if err := makeScratch(r); err != nil {
			return answer{Error: err.Error()}
		}
		defer removeScratch()
	}
	file := findKustomization(r)
	own := r.contents[file]
	if file != "" {
		r.contents[file] = withOrigins(own)
	}
	resources, err := run(r, options, onDisk)
	if err != nil {
		return answer{Error: strings.ReplaceAll(err.Error(), top+"/", "")}
	}
	return write(resources, slices.Contains(buildMetadata(own), types.OriginAnnotations))
}

func run(r *request, options *krusty.Options, onDisk bool) (resmap.ResMap, error) {
	kustomizer := krusty.MakeKustomizer(options)
	if !onDisk {
		return kustomizer.Run(newTree(r, scratch), path.Join(top, r.Folder))
	}
	// Helm is a program of its own, which sees files only on a disk.
	folder, err := layOut(r)
	if err != nil {
		return nil, err
	}
	resources, err := kustomizer.Run(filesys.MakeFsOnDisk(), filepath.Join(folder, r.Folder))
	if err != nil {
		return nil, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), folder, top))
	}
	return resources, nil
}

func write(resources resmap.ResMap, withOrigin bool) (result answer) {
	for _, built := range resources.Resources() {
		described := resource{Kind: built.GetKind()}
		if origin, err := built.GetOrigin(); err == nil && origin != nil && origin.Repo == "" {
			described.Origin = origin.Path
			if described.Origin == "" {
				described.Origin = origin.ConfiguredIn
			}
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
		asYAML, err := yaml.JSONToYAML(asJSON)
		if err != nil {
			return answer{Error: err.Error()}
		}
		described.YAML, described.JSON = len(asYAML), len(asJSON)
		result.Resources = append(result.Resources, described)
		result.payload = append(append(result.payload, asYAML...), asJSON...)
	}
	return result
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

// makeScratch makes a folder for what needs a disk, and sets the environment of the programs that use it. The next
// root that has such programs sets its own.
func makeScratch(r *request) error {
	folder, err := os.MkdirTemp(temporary, "builder-")
	if err != nil {
		return err
	}
	if scratch, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}
	for name, value := range r.Environment {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return os.Setenv("TMPDIR", scratch)
}

func removeScratch() {
	if scratch != "" {
		os.RemoveAll(scratch)
		scratch = ""
	}
}

// layOut writes the files of a request to the disk.
func layOut(r *request) (string, error) {
	folder := filepath.Join(scratch, "tree")
	for name, content := range r.contents {
		target := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return "", err
		}
	}
	for name, target := range r.Links {
		link := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return "", err
		}
		if err := os.Symlink(target, link); err != nil {
			return "", err
		}
	}
	return folder, nil
}
