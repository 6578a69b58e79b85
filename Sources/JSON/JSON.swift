// SPDX-License-Identifier: Apache-2.0
//
// JSON texts read in place.

package enum JSONModule {}
