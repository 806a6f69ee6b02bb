// Package compose checks Dockerfile, docker-compose.yml, .dockerignore and .env.example with the parsers of Docker itself.
// It is a separate module, so that the program does not get the dependencies of these parsers.
//
// The tests start no container. They check only the files.
package compose
