package org.popflow;

import java.nio.charset.StandardCharsets;
import org.apache.parquet.crypto.AADPrefixVerifier;
import org.apache.parquet.crypto.ParquetCryptoRuntimeException;

/** Refuses a file that was written under another name than the one that it has. */
public final class BoundName implements AADPrefixVerifier {

  private final String name;

  public BoundName(String name) {
    this.name = name;
  }

  public void verify(byte[] prefix) throws ParquetCryptoRuntimeException {
    String written = new String(prefix, StandardCharsets.UTF_8);
    if (!written.equals(this.name)) {
      throw new ParquetCryptoRuntimeException(
          "popflow: " + this.name + ": is not the file that was written there, but " + written);
    }
  }
}
