package process

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// deniedHere are calls that arm64 names on its own.
var deniedHere = []uint32{unix.SYS_KEXEC_FILE_LOAD}
