// SPDX-License-Identifier: Apache-2.0
//
// Sigma rules over records.

package enum SigmaModule {}
