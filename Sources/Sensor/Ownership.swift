// SPDX-License-Identifier: Apache-2.0
//
// Handing folders over to the user that a sensor becomes.

import Foundation

package enum Ownership {
    /// Makes `user` the owner of folders and of everything in them.
    package static func give(_ folders: [String], to user: String) throws(SettingsError) {
        for folder in folders {
            let below = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
            for path in [folder] + below.map({ "\(folder)/\($0)" }) {
                do {
                    try FileManager.default.setAttributes([.ownerAccountName: user], ofItemAtPath: path)
                } catch {
                    throw SettingsError("\(path): cannot be given to the user \(user); does the user exist?")
                }
            }
        }
    }
}
