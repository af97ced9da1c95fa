package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	// top is where a tree seems to be: a path below it can be told in kustomize's messages.
	top      = "/tree"
	maxLinks = 40
)

// tree is the file system that kustomize sees: the files of a request, and below scratch, if there is one, the
// clones that kustomize makes of remote bases.
type tree struct {
	// What no build calls goes to an empty file system.
	filesys.FileSystem
	files   map[string][]byte
	folders map[string]bool
	links   map[string]string
	scratch string
	disk    filesys.FileSystem
}

func newTree(r *request, scratch string) *tree {
	t := &tree{
		FileSystem: filesys.MakeFsInMemory(),
		files:      make(map[string][]byte, len(r.contents)),
		folders:    map[string]bool{"/": true, top: true},
		links:      make(map[string]string, len(r.Links)),
		scratch:    scratch,
		disk:       filesys.MakeFsOnDisk(),
	}
	for name, content := range r.contents {
		t.files[t.add(name)] = content
	}
	for name, target := range r.Links {
		t.links[t.add(name)] = target
	}
	t.add(path.Join(r.Folder, "."))
	t.folders[path.Join(top, r.Folder)] = true
	return t
}

// add makes the folders above a path; it returns the path as kustomize sees it.
func (t *tree) add(name string) string {
	full := path.Join(top, name)
	for folder := path.Dir(full); !t.folders[folder]; folder = path.Dir(folder) {
		t.folders[folder] = true
	}
	return full
}

func (t *tree) onDisk(name string) bool {
	return t.scratch != "" && strings.HasPrefix(filepath.Clean(name), t.scratch+"/")
}

// resolve follows links.
func (t *tree) resolve(name string) (string, error) {
	name = path.Join("/", name)
	for range maxLinks {
		link := t.firstLink(name)
		if link == "" {
			return name, nil
		}
		target := t.links[link]
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(link), target)
		}
		name = path.Join(target, strings.TrimPrefix(name, link))
	}
	return "", fmt.Errorf("the links at '%s' form a circle", name)
}

func (t *tree) firstLink(name string) string {
	if len(t.links) == 0 {
		return ""
	}
	for end := 1; end <= len(name); end++ {
		if end == len(name) || name[end] == '/' {
			if _, found := t.links[name[:end]]; found {
				return name[:end]
			}
		}
	}
	return ""
}

func (t *tree) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	if t.onDisk(name) {
		return t.disk.CleanedAbs(name)
	}
	resolved, err := t.resolve(name)
	if err != nil {
		return "", "", err
	}
	if t.folders[resolved] {
		return filesys.ConfirmedDir(resolved), "", nil
	}
	if _, found := t.files[resolved]; found {
		return filesys.ConfirmedDir(path.Dir(resolved)), path.Base(resolved), nil
	}
	return "", "", fmt.Errorf("'%s' doesn't exist: %w", name, os.ErrNotExist)
}

func (t *tree) IsDir(name string) bool {
	if t.onDisk(name) {
		return t.disk.IsDir(name)
	}
	resolved, err := t.resolve(name)
	return err == nil && t.folders[resolved]
}

func (t *tree) Exists(name string) bool {
	_, _, err := t.CleanedAbs(name)
	return err == nil
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	if t.onDisk(name) {
		return t.disk.ReadFile(name)
	}
	resolved, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	content, found := t.files[resolved]
	if !found {
		return nil, fmt.Errorf("'%s' doesn't exist: %w", name, os.ErrNotExist)
	}
	return content, nil
}

func (t *tree) RemoveAll(name string) error {
	if !t.onDisk(name) {
		return fmt.Errorf("'%s' cannot be removed", name)
	}
	return t.disk.RemoveAll(name)
}
