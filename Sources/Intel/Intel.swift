// SPDX-License-Identifier: Apache-2.0
//
// Indicators: import, index, match.

package enum IntelModule {}
