package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
	_ "time/tzdata" // zones of laptops, also where the system has none
)

// model is what machines have in common that are built in the same way.
type model struct {
	vendor, system, kind string
	cpus, memory         int     // memory in MiB
	megahertz            float64 // the usual frequency
	speed                float64 // of a test: 2 takes half the time
}

// A cloud gives a job the processor that is free.
var runners = []struct {
	model
	of100 int // how many of a hundred jobs get it
}{
	{model{"AMD EPYC 7763 64-Core Processor", "Linux - 6.8.0-azure", "x86_64", 4, 15990, 2445, 1}, 60},
	{model{"Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Linux - 6.8.0-azure", "x86_64", 4, 15990, 2793, 0.93}, 25},
	{model{"AMD EPYC 9V74 80-Core Processor", "Linux - 6.8.0-azure", "x86_64", 4, 15990, 2595, 1.2}, 15},
}

// fixed is the machine of the nightly runs.
var fixed = model{"AMD Ryzen 9 5950X 16-Core Processor", "Linux - 6.1.0", "x86_64", 32, 64200, 3400, 1.6}

var laptops = []model{
	{"Apple M2", "Darwin - 24.5.0", "arm64", 8, 16384, 3490, 1.7},
	{"Apple M3 Pro", "Darwin - 24.5.0", "arm64", 12, 36864, 4050, 2},
	{"13th Gen Intel(R) Core(TM) i7-1365U", "Linux - 6.8.0", "x86_64", 12, 31800, 2100, 1.2},
	{"AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics", "Linux - 6.11.0", "x86_64", 16, 63900, 3300, 1.5},
}

// machine is a machine as it is when a pytest starts on it.
type machine struct {
	model
	host   string
	python string         // such as "3.12.4"
	zone   *time.Location // of its clock
	skew   time.Duration  // how far its clock is ahead
}

// state is what a pytest says of its machine: a context of the protocol. The hash is new nearly each time, since the frequency is that
// of the moment.
type state struct {
	machine
	megahertz float64
	hash      string
}

func (m machine) context(random *rand.Rand) state {
	c := state{machine: m, megahertz: float64(int(m.model.megahertz*(0.95+0.1*random.Float64())*1000)) / 1000}
	sum := md5.Sum(fmt.Appendf(nil, "%+v %v %v %v", m.model, m.host, m.python, c.megahertz))
	c.hash = hex.EncodeToString(sum[:])
	return c
}

// runner returns the machine of a job of CI, which nobody had before and nobody gets again.
func runner(random *rand.Rand, day int) machine {
	m := machine{host: fmt.Sprintf("runnervm-%08x", random.Uint32()), python: "3.12.4", zone: time.UTC,
		skew: time.Duration(random.IntN(40)) * time.Millisecond}
	if day >= 181 {
		m.python = "3.13.5" // the team takes a new Python in summer
	}
	n := random.IntN(100)
	for _, r := range runners {
		if m.model = r.model; n < r.of100 {
			break
		}
		n -= r.of100
	}
	return m
}

// laptop returns the machine of one of the team.
func laptop(person int) machine {
	zone := []string{"Europe/Berlin", "Europe/Berlin", "Europe/Berlin", "America/New_York", "Asia/Kolkata"}[person%5]
	location, err := time.LoadLocation(zone)
	if err != nil {
		panic(err) // the names are fixed, and the program has the zones
	}
	return machine{model: laptops[person%len(laptops)], host: fmt.Sprintf("laptop-%d.local", person), zone: location,
		python: []string{"3.12.4", "3.13.5", "3.11.9"}[person%3], skew: time.Duration(person-5) * 20 * time.Second}
}
