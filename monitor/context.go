package monitor

// Context describes a machine at the moment pytest started, as the plugin's `POST /contexts/` sends it
// (table EXECUTION_CONTEXTS of a `.pymon` file).
type Context struct {
	H            string  // the plugin's MD5 of most of the fields below; any non-empty text is accepted
	CPUCount     int64   // logical processors
	CPUFrequency float64 // MHz at that moment; NaN when absent
	CPUType      string  // often empty
	CPUVendor    Text    // such as "Intel(R) Xeon(R) CPU @ 2.30GHz"
	RAMTotal     int64   // MiB
	MachineNode  string  // host name
	MachineType  string  // such as "x86_64"
	MachineArch  string  // such as "64bit"
	SystemInfo   string  // such as "Linux - 6.1.0-18-amd64"
	PythonInfo   string  // Python's sys.version

	// Env is the class of machine, decided at acceptance: see [Environment].
	Env string
}
