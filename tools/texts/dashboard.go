package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// asObjects is the first version of the schema in which a data source is an object. Grafana converts older
// dashboards before it reads them by its schema.
const asObjects = 36

func judgeDashboard(text string) []refusal {
	var head struct {
		Version any `json:"schemaVersion"`
	}
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return refused(err)
	}
	if version, ok := head.Version.(float64); ok && version < asObjects {
		return nil
	}
	var parsed dashboard.Dashboard
	if refusals := schemaRefusals(parsed.UnmarshalJSONStrict([]byte(text))); len(refusals) > 0 {
		return refusals
	}
	if json.Unmarshal([]byte(text), &parsed) != nil {
		return nil
	}
	return schemaRefusals(parsed.Validate())
}

var wrongType = regexp.MustCompile(`^json: cannot unmarshal (\w+).* into Go (?:value|struct field [\w.]*?(\w+)) of type (.+)$`)

// schemaRefusals leaves out what Grafana does not mind: fields that are missing or that it does not know, and old
// forms of three others.
func schemaRefusals(err error) []refusal {
	var errs cog.BuildErrors
	if !errors.As(err, &errs) {
		return nil
	}
	var refusals []refusal
	for _, one := range errs {
		path, detail := strings.ReplaceAll(one.Path, ".Panel", ""), one.Message
		if strings.Contains(detail, "required field") || strings.Contains(detail, "unexpected field") {
			continue
		}
		if match := wrongType.FindStringSubmatch(detail); match != nil {
			if match[2] != "" {
				path += "." + match[2]
			}
			detail = fmt.Sprintf("it is %s instead of %s", kindOf(match[1]), kindOf(match[3]))
		}
		name := path[strings.LastIndex(path, ".")+1:]
		if name != "refresh" && name != "gnetId" && name != "datasource" {
			refusals = append(refusals, refusal{Path: path, Detail: fmt.Sprintf("%s: %s", path, detail)})
		}
	}
	return refusals
}

// kindOf is what JSON calls a type of Go, or a kind that encoding/json names.
func kindOf(name string) string {
	switch {
	case name == "string":
		return "a text"
	case name == "bool":
		return "true or false"
	case name == "array" || strings.HasPrefix(name, "[]"):
		return "a list"
	case strings.HasPrefix(name, "uint") || strings.HasPrefix(name, "int"):
		return "a whole number"
	case name == "number" || strings.HasPrefix(name, "float"):
		return "a number"
	}
	return "an object"
}
