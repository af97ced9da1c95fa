module lakehouse.local/images/kind-node/pause

go 1.25.0
