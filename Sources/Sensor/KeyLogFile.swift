// SPDX-License-Identifier: Apache-2.0
//
// The file of a key log, which grows while it is read.
//
// Reads   what was written to the file since the last time.
// Writes  nothing.
// Leaves  what its lines say (Protocols/KeyLog.swift).

import Foundation
package import Protocols
import Synchronization

package enum KeyLogFile {
    /// Octets that one look takes; the rest comes with the next.
    private static let bytesMax = 256 << 20

    /// The key log at a path. The file is read when a session is met that is not known.
    package static func open(_ path: String) throws -> KeyLog {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw SettingsError("--keylog \(path): the file cannot be read; check the path and its permissions")
        }
        // One reader at a time, and it goes on where the last one ended.
        let file = Mutex(handle)
        return KeyLog { file.withLock { handle in (try? handle.read(upToCount: bytesMax)).map { Array($0) } ?? [] } }
    }
}
