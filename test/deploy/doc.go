// Package deploy checks what is in the folder deploy/ and the workflows in .github/, with the libraries of the programs that read
// them: Kubernetes, kustomize, systemd. It is a separate module, so that the program does not get their dependencies.
package deploy
