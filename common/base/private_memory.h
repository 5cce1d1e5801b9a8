#pragma once

namespace registry {

// Sets the limit of core dumps of this process to 0 bytes, which the kernel keeps for files, and
// systemd-coredump for what it is given; another program that core_pattern names may not.
//
// Linking it also replaces the program's operator new and delete: delete wipes what it frees. So
// what a request held does not stay in memory when the request is gone, whichever string, vector or
// parser had a copy of it; the price is one write of what is freed. Memory that a library of C
// takes is that library's to wipe.
void keep_memory_private() noexcept;

}  // namespace registry
