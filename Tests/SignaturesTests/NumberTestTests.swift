// SPDX-License-Identifier: Apache-2.0
//
// Comparisons of integer keywords.

import Signatures
import Testing

@Suite("Number tests") struct NumberTestTests {
    @Test func `a range leaves out both of its ends`() {
        let test = NumberTest(.inside, 10, 100)
        #expect(!test.matches(10) && test.matches(11) && test.matches(99) && !test.matches(100))
        let outside = NumberTest(.outside, 10, 100)
        #expect(outside.matches(10) && !outside.matches(11) && outside.matches(100))
    }

    @Test func `a mask compares what it leaves`() {
        #expect(NumberTest(.masked, 0xC0, 0x80).matches(0xBF))
        #expect(NumberTest(.notMasked, 0xC0, 0x80).matches(0x3F))
    }
}
