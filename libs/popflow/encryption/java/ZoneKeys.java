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

  public byte[] unwrapKey(String wrapped, String name) throws KeyAccessDeniedException {
    try {
      return super.unwrapKey(wrapped, name);
    } catch (KeyAccessDeniedException error) {
      throw error;
    } catch (RuntimeException error) {
      throw new KeyAccessDeniedException(
          "popflow: the master key '" + name + "' in " + file() + " is not the one that a file was encrypted with");
    }
  }

  protected byte[] getMasterKeyFromServer(String name) throws KeyAccessDeniedException {
    try {
      BufferedReader reader = new BufferedReader(new FileReader(file()));
      try {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          String[] parts = line.trim().split("\\s+");
          if (parts.length == 2 && parts[0].equals(name)) {
            return Base64.getDecoder().decode(parts[1]);
          }
        }
      } finally {
        reader.close();
      }
    } catch (IOException error) {
      throw new KeyAccessDeniedException("popflow: cannot read the file of master keys: " + file());
    }
    throw new KeyAccessDeniedException("popflow: no master key '" + name + "' in " + file());
  }

  private String file() {
    return this.hadoopConfiguration.get("popflow.master.keys");
  }
}
