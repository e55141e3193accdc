package org.popflow;

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.IOException;
import java.util.Base64;
import org.apache.parquet.crypto.KeyAccessDeniedException;
import org.apache.parquet.crypto.keytools.LocalWrapKmsClient;

/** Master keys from a file, "name base64" a line; several keys may be there while they are rotated. */
public final class ZoneKeys extends LocalWrapKmsClient {

  protected void initializeInternal() throws KeyAccessDeniedException {}

  protected byte[] getMasterKeyFromServer(String name) throws KeyAccessDeniedException {
    String file = this.hadoopConfiguration.get("popflow.master.keys");
    try {
      BufferedReader reader = new BufferedReader(new FileReader(file));
      try {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          int gap = line.indexOf(' ');
          if (gap > 0 && line.substring(0, gap).equals(name)) {
            return Base64.getDecoder().decode(line.substring(gap + 1).trim());
          }
        }
      } finally {
        reader.close();
      }
    } catch (IOException error) {
      throw new KeyAccessDeniedException("cannot read the file of master keys: " + file);
    }
    throw new KeyAccessDeniedException("no master key '" + name + "' in " + file);
  }
}
