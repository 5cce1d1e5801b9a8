#pragma once

namespace registry {

// Forbids core dumps of this process, as far as the system lets it. Linking it also replaces the
// program's operator new and delete: delete wipes what it frees. So what a request held does not
// stay in memory when the request is gone, whichever string, vector or parser had a copy of it; the
// price is one write of what is freed. Memory that a library of C takes is that library's to wipe.
void keep_memory_private() noexcept;

}  // namespace registry
