"""The published tables served by the open Delta Sharing protocol: a token for each reader, each read on the trail."""
