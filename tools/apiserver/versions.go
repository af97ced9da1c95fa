package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/version"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// removed says why the API server does not serve the version of a resource, though its code still reads it.
func removed(text []byte) string {
	object, kind, err := legacyscheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return ""
	}
	versioned, ends := object.(interface{ APILifecycleRemoved() (int, int) })
	if !ends {
		return ""
	}
	major, minor := versioned.APILifecycleRemoved()
	var ourMajor, ourMinor int
	if _, err := fmt.Sscanf(version.DefaultKubeBinaryVersion, "%d.%d", &ourMajor, &ourMinor); err != nil {
		return ""
	}
	if major > ourMajor || (major == ourMajor && minor > ourMinor) {
		return ""
	}
	detail := fmt.Sprintf("%s is not served since Kubernetes %d.%d", kind.GroupVersion(), major, minor)
	if replaced, named := object.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); named {
		detail += ": use " + replaced.APILifecycleReplacement().GroupVersion().String()
	}
	return detail
}

// openGates turns on what is off by default: from then on, this program accepts what any API server of the version may.
func openGates() error {
	return utilfeature.DefaultMutableFeatureGate.Set("AllAlpha=true,AllBeta=true")
}
