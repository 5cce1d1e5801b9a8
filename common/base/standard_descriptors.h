#pragma once

namespace registry {

// Opens the descriptors 0 to 2 that are missing, on /dev/null: one of them would be given to the
// next file that is opened, a database say, and then be written to as a log. Call first of all.
void open_standard_descriptors();

}  // namespace registry
