// SPDX-License-Identifier: Apache-2.0
//
// The program around libFuzzer. The target is named by WEIR_FUZZ_TARGET, all else by libFuzzer's own arguments.
//
// Reads   octets of libFuzzer.
// Writes  nothing; without a target, the names of all on standard output.
// Leaves  what a target does (Tests/Fuzzing).

import CFuzzer
import Foundation
import Fuzzing

@main struct FuzzMain {
    private static let target = FuzzTarget.named(ProcessInfo.processInfo.environment["WEIR_FUZZ_TARGET"] ?? "")

    static func main() {
        guard target != nil else {
            for name in FuzzTarget.all.map(\.name).sorted() { print(name) }
            exit(ProcessInfo.processInfo.environment["WEIR_FUZZ_TARGET"] == nil ? 0 : 2)
        }
        var count = CommandLine.argc
        // Safe: libFuzzer is given the program's own arguments, and may replace them.
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        exit(unsafe LLVMFuzzerRunDriver(&count, &arguments, fuzzOneInput))
    }

    static func run(_ octets: [UInt8]) { target?.run(octets) }
}

@c(LLVMFuzzerTestOneInput)
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // Safe: libFuzzer gives `count` octets at `start` for the time of the call.
    unsafe FuzzMain.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}
