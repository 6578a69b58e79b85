// SPDX-License-Identifier: Apache-2.0
//
// How many cores one analysis may use.
//
// Leaves  the threads themselves: whoever spreads work over cores asks here how many.

import Foundation

package enum ScanCores {
    /// All of them, unless whoever asks has little time to take: `ScanCores.$count.withValue(1) { … }`.
    @TaskLocal package static var count = ProcessInfo.processInfo.activeProcessorCount
}
