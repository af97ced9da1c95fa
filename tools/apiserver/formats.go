package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// unreadable is the reason of what the API server takes, and the operator cannot read.
const unreadable = "Format"

var (
	ofDuration = regexp.MustCompile(`(?i)(?:interval|duration|timeout|ttl|period|delay|backoff)$`)
	ofSchedule = regexp.MustCompile(`(?i)schedule$`)
	// What descriptions and defaults say of a duration that only Go's own parser reads.
	goDuration = regexp.MustCompile(`(?i)\bgo(?:lang)?(?:'s)? ?(?:time\.)?duration|time\.ParseDuration|valid time units`)
	anyUnits   = regexp.MustCompile(`(?i)duration|amount of time|\b\d+(?:ms|s|m|h)\b`)
	// A number of seconds or days, which many operators read as well.
	alsoRead = regexp.MustCompile(`^\d+(?:\.\d+)?[dw]?$`)
)

// formatsOf finds texts that an operator reads by code of its own, which no schema describes: durations and schedules,
// by the names and descriptions of their fields.
func formatsOf(schema *structuralschema.Structural, value any, path string) []metav1.StatusCause {
	if schema == nil {
		return nil
	}
	var causes []metav1.StatusCause
	switch value := value.(type) {
	case map[string]any:
		for name, item := range value {
			below, ok := schema.Properties[name]
			if !ok {
				continue
			}
			place := strings.TrimPrefix(path+"."+name, ".")
			if text, ok := item.(string); ok {
				if said := unread(name, text, &below); said != "" {
					causes = append(causes, metav1.StatusCause{Type: unreadable, Field: place, Message: said})
				}
				continue
			}
			causes = append(causes, formatsOf(&below, item, place)...)
		}
	case []any:
		for index, item := range value {
			causes = append(causes, formatsOf(schema.Items, item, fmt.Sprintf("%s[%d]", path, index))...)
		}
	}
	return causes
}

// unread is why a text cannot be read; empty where it can, or where the schema itself describes it.
func unread(name, text string, schema *structuralschema.Structural) string {
	described := schema.ValueValidation != nil &&
		(schema.ValueValidation.Pattern != "" || schema.ValueValidation.Format != "" || len(schema.ValueValidation.Enum) > 0)
	if schema.Type != "string" || described || text == "" || strings.ContainsAny(text, "${") {
		return ""
	}
	if ofSchedule.MatchString(name) && strings.Contains(strings.ToLower(schema.Description), "cron") {
		if _, err := cron.ParseStandard(text); err != nil {
			return fmt.Sprintf("%q is no schedule: %s", text, err)
		}
		return ""
	}
	if !ofDuration.MatchString(name) {
		return ""
	}
	example, _ := schema.Default.Object.(string)
	_, err := time.ParseDuration(example)
	isGo := goDuration.MatchString(schema.Description) || (err == nil && strings.Contains(example, "m0s"))
	if !isGo && (!anyUnits.MatchString(schema.Description) || alsoRead.MatchString(text)) {
		return ""
	}
	if _, err := time.ParseDuration(text); err != nil {
		return fmt.Sprintf("%q is no duration such as 1h30m", text)
	}
	return ""
}
