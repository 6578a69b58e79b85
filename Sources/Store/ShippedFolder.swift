// SPDX-License-Identifier: Apache-2.0
//
// Where the files are that come with the program: hunts, playbooks.
//
// Reads   the program's own path.
// Writes  nothing.
// Leaves  what the files say (HuntLibrary.swift, Playbook.swift).

import Foundation

package enum ShippedFolder {
    /// Folders that may be the one named, likeliest first: beside an installed program (`bin/weir` and
    /// `share/weir/NAME`, as Scripts/install lays them), beside the sources that a program was built from
    /// (`Signatures/NAME`), and under the current folder. Whether they are there is for the caller to see.
    package static func places(_ name: String) -> [String] {
        var places: [String] = []
        if let program = Bundle.main.executableURL?.resolvingSymlinksInPath() {
            var above = program.deletingLastPathComponent()
            places.append(above.deletingLastPathComponent().appending(path: "share/weir/\(name)").path)
            // .build/PLATFORM/release/weir and .build/release/weir.
            for _ in 0..<4 {
                above = above.deletingLastPathComponent()
                let place = above.appending(path: "Signatures/\(name)").path
                if place != places.last { places.append(place) }
            }
        }
        places.append("Signatures/\(name)")
        return places
    }
}
